//! The real host: who we are, modes as the kernel reads them, names of groups.

use super::host::allowed;
use super::*;
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn modes_are_read_as_the_kernel_does() {
    let user = |uid, groups: &[u32]| User { name: "u".to_owned(), uid, groups: groups.to_vec() };
    let facts = |mode, kind| Facts { kind, mode, uid: 10, gid: 20, size: 0, modified: 0 };
    for (mode, uid, groups, want, expected) in [
        (0o640, 10, vec![], Want::Read, true),
        (0o640, 11, vec![20], Want::Read, true),
        (0o640, 11, vec![21], Want::Read, false),
        (0o604, 11, vec![20], Want::Read, false),
        (0o077, 10, vec![20], Want::Read, false),
        (0o640, 11, vec![20], Want::Write, false),
        (0o711, 11, vec![], Want::Pass, true),
        (0o000, 0, vec![], Want::Write, true),
        (0o644, 0, vec![], Want::Pass, false),
    ] {
        let found = allowed(&user(uid, &groups), want, &facts(mode, Kind::File));
        assert_eq!(found, expected, "{mode:o} {uid} {groups:?} {want:?}");
    }
    assert!(allowed(&user(0, &[]), Want::Pass, &facts(0o600, Kind::Folder)));
}

#[test]
fn this_process_may_read_what_it_made() {
    let host = LocalHost::here();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    fs::write(&file, "0123456789").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(host.may(Want::Read, &file) && host.may(Want::Write, folder.path()));
    assert!(!host.may(Want::Pass, &file) && !host.may(Want::Read, &folder.path().join("none")));
    let facts = host.facts(&file).unwrap();
    assert_eq!((facts.kind, facts.mode, facts.size, facts.uid), (Kind::File, 0o640, 10, host.user().uid));
    assert_eq!(host.head(&file, 4), b"0123");
    assert!(host.head(folder.path(), 4).is_empty());
    assert!(!host.user().groups.is_empty() && !host.user().name.is_empty());
    let stranger = LocalHost::seen_by(User { name: "x".to_owned(), uid: 4_242_424, groups: vec![4_242_424] });
    assert!(!stranger.may(Want::Read, &file));
    assert_eq!(stranger.group_name(4_242_424), "4242424");
}

#[test]
fn another_user_is_looked_up_by_name() {
    if let Some(root) = LocalHost::on_behalf_of("root") {
        assert_eq!((root.user().uid, root.user().groups[0]), (0, 0));
        assert!(root.has_user("root") && root.owner_name(0) == "root");
    }
    assert!(LocalHost::on_behalf_of("no such user").is_none());
}
