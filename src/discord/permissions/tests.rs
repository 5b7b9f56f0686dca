use super::*;
use twilight_model::channel::permission_overwrite::PermissionOverwriteType;

const GUILD: i64 = 1;
const OWNER: i64 = 2;
const BOT: i64 = 3;
const ROLE: u64 = 10;
const OTHER_ROLE: u64 = 11;

const VIEW: Permissions = Permissions::VIEW_CHANNEL;
const READ: Permissions = Permissions::READ_MESSAGE_HISTORY;
const CONNECT: Permissions = Permissions::CONNECT;
const MANAGE: Permissions = Permissions::MANAGE_THREADS;
const NONE: Permissions = Permissions::empty();

/// The bot with `role`, in a guild where everybody has `everyone`.
fn bot(everyone: Permissions, role: Permissions) -> MemberPermissions {
    user(BOT, everyone, role)
}

fn user(user: i64, everyone: Permissions, role: Permissions) -> MemberPermissions {
    let role_of = |id, permissions| crate::discord::rest::RoleInfo {
        id: RoleId::new(id),
        permissions,
    };
    let guild = GuildInfo {
        id: GUILD.try_into().unwrap(),
        name: String::new(),
        owner_id: OWNER.try_into().unwrap(),
        roles: vec![
            role_of(1, everyone),
            role_of(ROLE, role),
            role_of(OTHER_ROLE, Permissions::ADMINISTRATOR),
        ],
    };
    // Some servers include the role @everyone in a member's own roles.
    let roles = [RoleId::new(1), RoleId::new(ROLE), RoleId::new(99)];
    MemberPermissions::new(&guild, user.try_into().unwrap(), &roles)
}

fn channel(number: u8, overwrites: &[PermissionOverwrite]) -> ChannelInfo {
    let mut channel: ChannelInfo =
        serde_json::from_str(&format!(r#"{{"id":"100","type":{number}}}"#)).unwrap();
    channel.permission_overwrites = overwrites.to_vec();
    channel
}

fn role(id: u64, allow: Permissions, deny: Permissions) -> PermissionOverwrite {
    PermissionOverwrite {
        allow,
        deny,
        id: Id::new(id),
        kind: PermissionOverwriteType::Role,
    }
}

fn member(id: i64, allow: Permissions, deny: Permissions) -> PermissionOverwrite {
    PermissionOverwrite {
        kind: PermissionOverwriteType::Member,
        ..role(number(id), allow, deny)
    }
}

#[test]
fn roles_add_up() {
    let access = |everyone, role| bot(everyone, role).access(&channel(0, &[]), None);
    assert_eq!(access(NONE, NONE), Access::Forbidden);
    assert_eq!(access(VIEW, NONE), Access::NoHistory);
    assert_eq!(access(READ, NONE), Access::Forbidden);
    assert_eq!(access(VIEW, READ), Access::Readable);
    assert_eq!(access(NONE, VIEW | READ), Access::Readable);
    assert_eq!(access(NONE, Permissions::ADMINISTRATOR), Access::Readable);
}

#[test]
fn owner_and_administrator_read_everything() {
    let closed = [role(1, NONE, VIEW | READ), member(BOT, NONE, VIEW)];
    let owner = user(OWNER, NONE, NONE);
    let administrator = bot(NONE, Permissions::ADMINISTRATOR);
    for number in [0, 2, 5, 13, 15, 16] {
        let channel = channel(number, &closed);
        assert_eq!(owner.access(&channel, None), Access::Readable);
        assert_eq!(administrator.access(&channel, None), Access::Readable);
    }
    let private = channel(12, &[]);
    assert_eq!(
        administrator.access(&private, Some(&channel(0, &closed))),
        Access::Readable
    );
}

#[test]
fn overwrites_go_from_everybody_to_roles_to_the_member() {
    let both = VIEW | READ;
    let access = |overwrites: &[PermissionOverwrite]| {
        // The order of overwrites must not matter, because Discord's lists have none.
        let reversed: Vec<_> = overwrites.iter().rev().copied().collect();
        let access = bot(both, NONE).access(&channel(0, overwrites), None);
        assert_eq!(access, bot(both, NONE).access(&channel(0, &reversed), None));
        access
    };
    assert_eq!(access(&[role(1, NONE, READ)]), Access::NoHistory);
    assert_eq!(access(&[role(1, NONE, VIEW)]), Access::Forbidden);
    assert_eq!(
        access(&[role(1, NONE, both), role(ROLE, both, NONE)]),
        Access::Readable
    );
    assert_eq!(
        access(&[role(1, both, NONE), role(ROLE, NONE, READ)]),
        Access::NoHistory
    );
    // Among roles, allow goes before deny; a role that the guild does not list counts too.
    assert_eq!(
        access(&[role(ROLE, NONE, both), role(99, both, NONE)]),
        Access::Readable
    );
    assert_eq!(
        access(&[role(ROLE, both, NONE), member(BOT, NONE, VIEW)]),
        Access::Forbidden
    );
    assert_eq!(
        access(&[role(ROLE, NONE, both), member(BOT, both, NONE)]),
        Access::Readable
    );
    // Overwrites for other roles and members don't count.
    assert_eq!(
        access(&[role(OTHER_ROLE, NONE, both), member(OWNER, NONE, both)]),
        Access::Readable
    );
    // A role and a user with the same number are not the same.
    assert_eq!(access(&[role(number(BOT), NONE, both)]), Access::Readable);
}

#[test]
fn the_text_of_a_voice_channel_needs_connect() {
    for number in [2, 13] {
        let access = |role| bot(VIEW | READ, role).access(&channel(number, &[]), None);
        assert_eq!(access(NONE), Access::Forbidden);
        assert_eq!(access(CONNECT), Access::Readable);
        let mute = [role(1, NONE, READ)];
        let no_history = bot(VIEW | READ | CONNECT, NONE).access(&channel(number, &mute), None);
        assert_eq!(no_history, Access::NoHistory);
    }
}

#[test]
fn a_thread_has_its_channels_permissions() {
    let open = bot(VIEW | READ, NONE);
    for number in [10, 11] {
        let thread = channel(number, &[]);
        assert_eq!(open.access(&thread, None), Access::Unknown);
        assert_eq!(
            open.access(&thread, Some(&channel(0, &[]))),
            Access::Readable
        );
        let closed = channel(15, &[role(1, NONE, VIEW)]);
        assert_eq!(open.access(&thread, Some(&closed)), Access::Forbidden);
        let mute = channel(15, &[role(1, NONE, READ)]);
        assert_eq!(open.access(&thread, Some(&mute)), Access::NoHistory);
    }
}

#[test]
fn a_private_thread_needs_membership_or_manage_threads() {
    let parent = channel(0, &[]);
    let mut thread = channel(12, &[]);
    assert_eq!(
        bot(VIEW | READ, NONE).access(&thread, Some(&parent)),
        Access::Forbidden
    );
    assert_eq!(
        bot(VIEW | READ, MANAGE).access(&thread, Some(&parent)),
        Access::Readable
    );
    thread.joined = true;
    assert_eq!(
        bot(VIEW | READ, NONE).access(&thread, Some(&parent)),
        Access::Readable
    );
    assert_eq!(
        bot(VIEW, NONE).access(&thread, Some(&parent)),
        Access::NoHistory
    );
}

#[test]
fn archived_lists_by_type_and_permission() {
    use ArchivedKind::{JoinedPrivate, Private, Public};
    let lists = |number, permissions| bot(permissions, NONE).archived_lists(&channel(number, &[]));
    assert_eq!(lists(0, VIEW | READ), [Public, JoinedPrivate]);
    assert_eq!(lists(0, VIEW | READ | MANAGE), [Public, Private]);
    for number in [5, 15, 16] {
        assert_eq!(lists(number, VIEW | READ | MANAGE), [Public]);
    }
    for number in [2, 4, 11, 13, 200] {
        assert_eq!(lists(number, VIEW | READ | MANAGE), []);
    }
    assert_eq!(lists(0, VIEW | MANAGE), []);
}

#[test]
fn the_table_of_channel_types() {
    let holding = |holds| {
        let kinds = CHANNEL_KINDS.iter().filter(|kind| kind.holds == holds);
        kinds.map(|kind| kind.number).collect::<Vec<_>>()
    };
    assert_eq!(holding(Holds::Messages), [0, 2, 5, 10, 11, 12, 13]);
    assert_eq!(holding(Holds::Threads), [15, 16]);
    assert_eq!(holding(Holds::Nothing), [1, 3, 4, 14]);
    let future = ChannelKind::of(77_u8);
    assert_eq!((future.number, future.holds), (77, Holds::Nothing));
    assert!(ChannelKind::of(ChannelType::PrivateThread).is_thread);
    assert!(ChannelKind::of(ChannelType::Stage).is_voice);
}
