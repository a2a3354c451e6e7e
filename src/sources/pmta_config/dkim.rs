//! DKIM keys that the configuration names: where they lie and whether pmtad can read them, never
//! what they hold.

use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DkimKey {
    /// The VMTA that signs with it; `None` is every VMTA.
    pub vmta: Option<String>,
    pub domain: String,
    pub path: PathBuf,
}

/// How a key file stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    Readable,
    /// Its folder can be searched and there is none.
    Missing,
    /// Owner, group and mode exclude pmtad.
    Unreadable,
    /// We may not look, or the name is a pattern.
    Unknown,
}

impl DkimKey {
    /// Whether a pmtad of this user and these groups can read the key. Modes decide, as pmtad
    /// itself cannot be asked.
    pub fn state(&self, uid: u32, groups: &[u32]) -> KeyState {
        if self.path.to_string_lossy().contains(['$', '*']) {
            return KeyState::Unknown;
        }
        match std::fs::metadata(&self.path) {
            Err(why) if why.kind() == ErrorKind::NotFound => return KeyState::Missing,
            Err(_) => return KeyState::Unknown,
            Ok(_) if uid == 0 => return KeyState::Readable,
            Ok(_) => {}
        }
        let folders = self.path.ancestors().skip(1).all(|folder| allows(folder, 0o1, uid, groups));
        if folders && allows(&self.path, 0o4, uid, groups) {
            KeyState::Readable
        } else {
            KeyState::Unreadable
        }
    }
}

fn allows(path: &Path, bit: u32, uid: u32, groups: &[u32]) -> bool {
    // What we cannot see is no ground to accuse.
    std::fs::metadata(path).map_or(true, |found| {
        let class = if found.uid() == uid {
            6
        } else if groups.contains(&found.gid()) {
            3
        } else {
            0
        };
        found.mode() >> class & bit != 0
    })
}

/// `domain-key SELECTOR,DOMAIN,PATH`. A key fetched from elsewhere has no path here.
pub(super) fn read(value: &str, vmta: Option<&str>) -> Option<DkimKey> {
    let mut parts = value.split(',').map(str::trim);
    let (_selector, domain, path) = (parts.next()?, parts.next()?, parts.next()?);
    let path = PathBuf::from(path);
    path.is_absolute().then(|| DkimKey { vmta: vmta.map(str::to_owned), domain: domain.to_lowercase(), path })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_key_is_missing_unreadable_or_fine() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("dkim.pem");
        let key = DkimKey { vmta: None, domain: "example.com".to_owned(), path: path.clone() };
        let (stranger, strange) = (4_242_424, [4_242_424]);
        assert_eq!(key.state(stranger, &strange), KeyState::Missing);
        fs::write(&path, "").unwrap();
        let owner = fs::metadata(&path).unwrap().uid();
        let mode = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        mode(folder.path(), 0o755);
        mode(&path, 0o604);
        assert_eq!(key.state(stranger, &strange), KeyState::Readable);
        mode(&path, 0o640);
        assert_eq!(key.state(stranger, &strange), KeyState::Unreadable);
        let group = fs::metadata(&path).unwrap().gid();
        assert_eq!(key.state(stranger, &[1, group]), KeyState::Readable);
        assert_eq!(key.state(owner, &strange), KeyState::Readable);
        mode(&path, 0o644);
        mode(folder.path(), 0o700);
        assert_eq!(key.state(stranger, &strange), KeyState::Unreadable);
        assert_eq!(key.state(0, &[]), KeyState::Readable);
        let pattern = DkimKey { path: folder.path().join("$domain.pem"), ..key };
        assert_eq!(pattern.state(0, &[]), KeyState::Unknown);
    }

    #[test]
    fn a_domain_key_line_names_its_file() {
        let key = read("sel, Example.COM ,/etc/pmta/k.pem", Some("v")).unwrap();
        assert_eq!((key.domain.as_str(), key.vmta.as_deref()), ("example.com", Some("v")));
        for wrong in
            ["", "sel,example.com", "sel,example.com,relative.pem", "sel,example.com,https://vault/k"]
        {
            assert_eq!(read(wrong, None), None, "{wrong}");
        }
    }
}
