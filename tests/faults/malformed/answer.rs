//! What the service answers, read without any library that is lenient.

use serde_json::Value;

use super::request::Sent;

/// The codes of a 503 that the API documents.
const BUSY: [&str; 6] = [
    "busy",
    "file_damaged",
    "not_ready",
    "search_not_ready",
    "search_too_long",
    "timeout",
];

/// One response.
pub(super) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    has_body: bool,
}

impl Answer {
    /// Every response in these bytes, which end with the connection.
    ///
    /// # Errors
    /// If they are not whole responses.
    pub(super) fn all(mut bytes: &[u8], sent: &Sent) -> Result<Vec<Self>, String> {
        let mut all = Vec::new();
        while !bytes.is_empty() {
            let (answer, rest) = Self::first(bytes, sent.is_head() && all.is_empty())?;
            let (answer, rest) = match rest {
                Some(rest) => (answer, rest),
                // A connection ends at once where a request is broken, and takes the rest of the answer with it, which
                // its length tells.
                None if !sent.must_be_answered() => (answer, &[][..]),
                None => return Err("a body that is cut".to_owned()),
            };
            bytes = rest;
            // An interim response goes before the one that counts.
            if answer.status >= 200 {
                all.push(answer);
            }
        }
        Ok(all)
    }

    /// A response, and what comes after it; nothing if its body is cut.
    fn first(bytes: &[u8], is_head: bool) -> Result<(Self, Option<&[u8]>), String> {
        let end = find(bytes, b"\r\n\r\n").ok_or("a head without an end")?;
        let head = std::str::from_utf8(&bytes[..end]).map_err(|_| "a head that is no text")?;
        let mut rest = Some(&bytes[end + 4..]);
        let mut lines = head.split("\r\n");
        let line = lines.next().unwrap_or_default();
        let status = line
            .strip_prefix("HTTP/1.1 ")
            .or_else(|| line.strip_prefix("HTTP/1.0 "))
            .and_then(|line| line.get(..3)?.parse::<u16>().ok())
            .filter(|status| (100..600).contains(status))
            .ok_or_else(|| format!("no status line: {line:?}"))?;
        let mut headers = Vec::new();
        for line in lines {
            let (name, value) = line
                .split_once(':')
                .filter(|(name, _)| !name.is_empty() && name.bytes().all(|b| b.is_ascii_graphic()))
                .ok_or_else(|| format!("no header: {line:?}"))?;
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        let header = |name: &str| headers.iter().find(|(it, _)| it == name);
        // What could not be read as a request is answered with a body, whatever its first word was.
        let is_bare = rest.is_none_or(|rest| rest.is_empty() || rest.starts_with(b"HTTP/1."));
        let mut has_body = !(is_head && is_bare) && status >= 200 && ![204, 304].contains(&status);
        let mut body = Vec::new();
        if let (true, Some(after)) = (has_body, rest) {
            let found = if header("transfer-encoding").is_some_and(|(_, it)| it == "chunked") {
                chunks(after)?
            } else {
                let (_, length) = header("content-length").ok_or("a body without a length")?;
                let length: usize = length.parse().map_err(|_| "a length that is no number")?;
                let parts = after.split_at_checked(length);
                parts.map(|(whole, after)| (whole.to_vec(), after))
            };
            has_body = found.is_some();
            (body, rest) = found.map_or_else(Default::default, |(body, rest)| (body, Some(rest)));
        }
        let answer = Self {
            status,
            headers,
            body,
            has_body,
        };
        Ok((answer, rest))
    }

    fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(it, _)| it == name);
        found.map(|(_, value)| value.as_str())
    }

    /// Whether it is one that the API documents.
    pub(super) fn check(&self, sent: &Sent) -> Result<(), String> {
        if self.header("x-request-id").is_none_or(str::is_empty) {
            return Err(format!("a {} without a request id", self.status));
        }
        if self.status >= 500 && ![503, 505].contains(&self.status) {
            return Err(format!("a {}", self.status));
        }
        // What is compressed is checked where compression is.
        if self.header("content-encoding").is_some() {
            return Ok(());
        }
        let is_json = self.header("content-type") == Some("application/json");
        if self.status < 400 {
            if is_json && self.has_body {
                serde_json::from_slice::<Value>(&self.body)
                    .map_err(|error| format!("no JSON: {error}"))?;
            }
            return Ok(());
        }
        if self.header("content-type") != Some("application/problem+json") {
            return Err(format!("a {} that is no problem", self.status));
        }
        if [429, 503].contains(&self.status)
            && self
                .header("retry-after")
                .is_none_or(|it| it.parse::<u32>().is_err())
        {
            return Err(format!("a {} that does not say when to retry", self.status));
        }
        if !self.has_body {
            return Ok(());
        }
        let problem: Value = serde_json::from_slice(&self.body)
            .map_err(|error| format!("a problem that is no JSON: {error}"))?;
        let text = |name: &str| problem[name].as_str().unwrap_or_default();
        if problem["status"] != self.status {
            return Err(format!("another status than {}: {problem}", self.status));
        }
        for name in ["type", "title", "detail", "code", "request_id"] {
            if text(name).is_empty() {
                return Err(format!("a problem without {name}: {problem}"));
            }
        }
        let is_documented = match self.status {
            503 => BUSY.contains(&text("code")),
            505 => text("code") == "http_version" && sent.is_old(),
            status => status < 500,
        };
        if !is_documented {
            return Err(format!("a fault: {problem}"));
        }
        Ok(())
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|it| it == wanted)
}

/// A body, and what comes after it; nothing if it is cut.
type Framed<'a> = Option<(Vec<u8>, &'a [u8])>;

fn chunks(mut bytes: &[u8]) -> Result<Framed<'_>, String> {
    let mut body = Vec::new();
    loop {
        let Some(end) = find(bytes, b"\r\n") else {
            return Ok(None);
        };
        let size = std::str::from_utf8(&bytes[..end]).ok();
        let size = size.and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.ok_or("no size of a chunk")?;
        let rest = &bytes[end + 2..];
        let Some(after) = rest.get(size..size + 2) else {
            return Ok(None);
        };
        if after != b"\r\n" {
            return Err("a chunk without an end".to_owned());
        }
        body.extend(&rest[..size]);
        bytes = &rest[size + 2..];
        if size == 0 {
            return Ok(Some((body, bytes)));
        }
    }
}
