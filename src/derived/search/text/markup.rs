//! Discord's markup between `<` and `>`, and emoji by their names.

/// A markup element with its length in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Markup<'a> {
    /// A mention or a time, which is one token.
    Token {
        /// The sign before the number: `@`, `@&`, `#`, `t:`.
        sign: &'static str,
        /// The id, or the seconds.
        number: &'a str,
        /// The length of the element.
        length: usize,
    },
    /// A custom emoji.
    Emoji {
        /// The offset of the name from `<`, in bytes.
        start: usize,
        /// The name of the emoji.
        name: &'a str,
        /// The length of the element.
        length: usize,
    },
    /// A mentioned command.
    Command {
        /// The name of the command, and of its subcommands.
        name: &'a str,
        /// The length of the element.
        length: usize,
    },
}

/// The maximum length of markup: three names of 32 characters and an id.
const MAX_MARKUP: usize = 450;
const MAX_NAME: usize = 32;

/// The markup at the beginning of `text`, which is a `<`. The look-ahead is bounded by the maximum length.
pub(super) fn at(text: &str) -> Option<Markup<'_>> {
    let rest = text.strip_prefix('<')?;
    if !rest.starts_with(['@', '#', 't', ':', 'a', '/']) {
        return None;
    }
    let end = rest
        .bytes()
        .take(MAX_MARKUP)
        .position(|byte| matches!(byte, b'>' | b'<' | b'\n'))?;
    if rest.as_bytes()[end] != b'>' {
        return None;
    }
    let (inside, length) = (&rest[..end], end + 2);
    let token = |sign, number: &'_ str| is_id(number).then_some((sign, number.len()));
    if let Some(number) = inside.strip_prefix("t:") {
        let number = match number.split_once(':') {
            Some((number, style)) if style.len() == 1 => number,
            Some(_) => return None,
            None => number,
        };
        return is_id(number.strip_prefix('-').unwrap_or(number)).then_some(Markup::Token {
            sign: "t:",
            number,
            length,
        });
    }
    if let Some(command) = inside.strip_prefix('/') {
        let (name, id) = command.rsplit_once(':')?;
        return (is_id(id) && !name.is_empty()).then_some(Markup::Command { name, length });
    }
    if let Some((animated, emoji)) = inside.split_once(':') {
        let (name, id) = emoji.split_once(':')?;
        let is_emoji = matches!(animated, "" | "a") && is_id(id) && is_emoji_name(name);
        return is_emoji.then_some(Markup::Emoji {
            start: animated.len() + 2,
            name,
            length,
        });
    }
    let (sign, digits) = match inside.strip_prefix('@') {
        Some(user) => match user.strip_prefix('&') {
            Some(role) => token("@&", role)?,
            None => token("@", user.strip_prefix('!').unwrap_or(user))?,
        },
        None => token("#", inside.strip_prefix('#')?)?,
    };
    Some(Markup::Token {
        sign,
        number: &inside[inside.len() - digits..],
        length,
    })
}

/// The name in `:name:` at the beginning of `text`, which is a `:`; `::vec::` is not one.
pub(super) fn shortcode(text: &str) -> Option<&str> {
    let rest = &text[1..];
    let end = rest
        .bytes()
        .take(MAX_NAME + 1)
        .position(|byte| !is_name_byte(byte))?;
    let is_closed = rest[end..].starts_with(':') && !rest[end..].starts_with("::");
    (is_closed && is_emoji_name(&rest[..end])).then(|| &rest[..end])
}

fn is_emoji_name(name: &str) -> bool {
    (2..=MAX_NAME).contains(&name.len())
        && name.bytes().all(is_name_byte)
        && name.bytes().any(|byte| byte.is_ascii_alphanumeric())
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

fn is_id(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}
