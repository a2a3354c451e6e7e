//! DKIM keys that the configuration names: only where they lie, never what they hold.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DkimKey {
    /// The VMTA that signs with it; `None` is every VMTA.
    pub vmta: Option<String>,
    pub domain: String,
    pub path: PathBuf,
}

/// `domain-key SELECTOR,DOMAIN,PATH`. A key fetched from elsewhere has no path here.
pub(super) fn read(value: &str, vmta: Option<&str>) -> Option<DkimKey> {
    let mut parts = value.split(',').map(str::trim);
    let (_selector, domain, path) = (parts.next()?, parts.next()?, parts.next()?);
    let path = PathBuf::from(path);
    path.is_absolute().then(|| DkimKey { vmta: vmta.map(str::to_owned), domain: domain.to_lowercase(), path })
}
