//! The API key: full power over PowerMTA, so it is read only from a file that others cannot
//! read, and never shown. It knows no network.

use reqwest::header::HeaderValue;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// A key as it goes into a header; `Debug` shows nothing of it.
#[derive(Clone)]
pub struct Key(HeaderValue);

#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error("{0}")]
    Io(std::io::Error),
    #[error("it is no regular file")]
    NotAFile,
    #[error("others may read it or the group may write it (mode {0:04o})")]
    Open(u32),
    #[error("it holds no API key: 32 to 128 letters, digits or _")]
    NoKey,
}

impl Key {
    pub fn read(path: &Path) -> Result<Key, KeyError> {
        // Asked before opening: opening a pipe would wait for a writer.
        if !std::fs::metadata(path).map_err(KeyError::Io)?.is_file() {
            return Err(KeyError::NotAFile);
        }
        let file = File::open(path).map_err(KeyError::Io)?;
        let mode = file.metadata().map_err(KeyError::Io)?.permissions().mode() & 0o7777;
        // Reading by the group is how a monitoring user gets it; writing would be replacing it.
        if mode & 0o027 != 0 {
            return Err(KeyError::Open(mode));
        }
        let mut text = String::new();
        file.take(1_024).read_to_string(&mut text).map_err(|why| match why.kind() {
            std::io::ErrorKind::InvalidData => KeyError::NoKey,
            _ => KeyError::Io(why),
        })?;
        Key::parse(text.trim())
    }

    fn parse(text: &str) -> Result<Key, KeyError> {
        let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
        if !plain || !(32..=128).contains(&text.len()) {
            return Err(KeyError::NoKey);
        }
        let mut header = HeaderValue::from_str(text).map_err(|_| KeyError::NoKey)?;
        header.set_sensitive(true);
        Ok(Key(header))
    }

    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

impl KeyError {
    /// What the operator can do about it.
    pub fn advice(&self, path: &Path) -> String {
        let path = path.display();
        match self {
            KeyError::Open(_) => format!("chmod 0640 {path}, owned by the group that collects"),
            KeyError::NoKey => format!("put the value of http-api-key, and nothing else, into {path}"),
            _ => "set pmta.api_key_file to a readable file, or remove it: a monitor access line needs no key"
                .into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const KEY: &str = "0123456789abcdefABCDEF_0123456789";

    fn file(text: &str, mode: u32) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    #[test]
    fn a_key_is_read_only_from_a_closed_file() {
        for (mode, good) in
            [(0o600, true), (0o640, true), (0o400, true), (0o644, false), (0o660, false), (0o601, false)]
        {
            let (_folder, path) = file(&format!("{KEY}\n"), mode);
            let read = Key::read(&path);
            assert_eq!(read.is_ok(), good, "{mode:o}");
            if let Err(why) = read {
                assert!(why.advice(&path).contains("chmod 0640"), "{why}");
            }
        }
    }

    #[test]
    fn what_is_no_key_is_refused_and_never_shown() {
        for text in [
            "",
            "short",
            "with blanks in it 0123456789abcdef0123456789",
            "\u{fc}0123456789abcdef0123456789abcdef",
        ] {
            let (_folder, path) = file(text, 0o600);
            let why = Key::read(&path).unwrap_err();
            assert!(matches!(why, KeyError::NoKey));
            assert!(text.is_empty() || !why.to_string().contains(text));
        }
        assert!(matches!(Key::read(Path::new("/")), Err(KeyError::NotAFile)));
        let (_folder, path) = file(KEY, 0o600);
        let key = Key::read(&path).unwrap();
        assert_eq!(key.header().to_str().unwrap(), KEY);
        assert!(!format!("{key:?} {:?}", key.header()).contains(KEY));
    }
}
