//! The words, hosts and codes that the normaliser keeps because rules may need them. Lists only;
//! what is not here may be masked.

use super::{Diagnostic, token};
use std::collections::HashSet;
use std::sync::OnceLock;

/// Hosts of explanations and of DNS lists, kept with everything below them.
const KEPT_HOSTS: &[&str] = &[
    "abuseat.org",
    "aka.ms",
    "antispamcloud.com",
    "att.net",
    "barracudacentral.org",
    "barracudanetworks.com",
    "bluecloud",
    "cloud-security.net",
    "cloudflare.com",
    "cloudmark.com",
    "comcast.net",
    "cox.com",
    "pobox.com",
    "openspf.net",
    "cr.yp.to",
    "cyren.com",
    "dnswl.org",
    "dronebl.org",
    "emailsrvr.com",
    "facebook.com",
    "fortinet.com",
    "free.fr",
    "gmx.com",
    "gmx.net",
    "godaddy.com",
    "google.com",
    "hornetsecurity.com",
    "hotmail.com",
    "invaluement.com",
    "ironport.com",
    "junkemailfilter.com",
    "live.com",
    "lashback.com",
    "laposte.net",
    "mail-abuse.com",
    "mail-abuse.org",
    "mail.com",
    "mail.ru",
    "mailspike.net",
    "manitu.net",
    "messagelabs.com",
    "microsoft.com",
    "mimecast.com",
    "mimecast.org",
    "nixspam.org",
    "njabl.org",
    "office.com",
    "office365.com",
    "orange.fr",
    "ordb.org",
    "proofpoint.com",
    "psbl.org",
    "qq.com",
    "rackspace.com",
    "rfc-editor.org",
    "returnpath.net",
    "secureserver.net",
    "senderbase.org",
    "senderscore.org",
    "sfr.fr",
    "sophos.com",
    "sorbs.net",
    "spam-rbl.fr",
    "spamcop.net",
    "spameatingmonkey.net",
    "spamhaus.org",
    "spamhaus.net",
    "spamrats.com",
    "spamrl.com",
    "spectrum.net",
    "surbl.org",
    "surriel.com",
    "symantec.com",
    "symanteccloud.com",
    "t-online.de",
    "talosintelligence.com",
    "trendmicro.com",
    "trustedsource.org",
    "uceprotect.net",
    "uribl.com",
    "urlblacklist",
    "verizonmedia.com",
    "verizon.net",
    "web.de",
    "wpbl.info",
    "x.co",
    "yahoo.com",
    "yahoo.co.jp",
    "yahooinc.com",
    "yandex.ru",
    "yandex.com",
    "zoho.com",
    "126.com",
    "163.com",
    "aol.com",
    "apple.com",
    "openspf.org",
    "open-spf.org",
    "spfbl.net",
    "v4bl.org",
    "backscatterer.org",
    "0spam.org",
    "abusix.zone",
    "abusix.com",
    "mxrate.com",
    "spamsources.fabel.dk",
    "gbudb.net",
    "blocklist.de",
    "cidr-report.org",
    "swinog.ch",
    "s5h.net",
];

/// A label with one of these is a DNS list of somebody's own.
const LIST_LABELS: &[&str] = &[
    "rbl",
    "dnsbl",
    "blacklist",
    "blocklist",
    "drbl",
    "spamlist",
    "ipbl",
    "uribl",
    "surbl",
    "nixspam",
    "hostkarma",
    "dnsbl",
    "sbl",
    "xbl",
    "countries",
];

const TOP_LEVEL: &[&str] = &[
    "com",
    "net",
    "org",
    "edu",
    "gov",
    "mil",
    "int",
    "info",
    "biz",
    "name",
    "pro",
    "aero",
    "coop",
    "museum",
    "jobs",
    "mobi",
    "travel",
    "asia",
    "cat",
    "tel",
    "arpa",
    "local",
    "localdomain",
    "lan",
    "internal",
    "intern",
    "corp",
    "home",
    "example",
    "test",
    "invalid",
    "cloud",
    "email",
    "online",
    "site",
    "website",
    "xyz",
    "app",
    "dev",
    "top",
    "club",
    "shop",
    "tech",
    "store",
    "live",
    "host",
    "space",
    "digital",
    "agency",
    "group",
    "network",
    "solutions",
    "services",
    "media",
    "news",
    "world",
    "today",
    "life",
    "company",
    "global",
    "рф",
];

/// Known code families: prefix letters, in lower case.
const CODE_FAMILIES: &[&str] = &[
    "ofr", "lpn", "ouk", "tss", "ipts", "vs", "aup#", "ib6", "ipbl", "urlbl", "cx", "dns:", "rtr:", "rly:",
    "dyn:", "hvu:", "con:", "mxin",
];

const FAMILY_STARTS: &[u8] = b"oltivaucdrhm";

const MAILBOX_KEYS: &[&str] = &[
    "user",
    "username",
    "uid",
    "to",
    "from",
    "rcpt",
    "recipient",
    "mail",
    "email",
    "mailfrom",
    "sender",
    "login",
    "account",
    "mailbox",
];
const CODE_KEYS: &[&str] = &[
    "spf", "dkim", "dmarc", "arc", "c", "code", "reason", "error", "errcode", "err", "result", "policy",
    "tls", "status", "type", "bl",
];
const CODE_PARAMETERS: &[&str] = &["p", "c", "subtype", "id", "no", "code", "err"];

/// Ordinary words, and every word that a rule looks for. Where a mailbox name may stand, anything
/// else is taken for one. Given names, family names and role accounts (`info`) are left out.
const WORDS: &str = include_str!("words.txt");

/// A word, in lower case, that a mailbox name may follow.
pub fn names_mailbox(word: &[u8]) -> bool {
    matches!(
        word,
        b"user"
            | b"users"
            | b"mailbox"
            | b"account"
            | b"recipient"
            | b"alias"
            | b"username"
            | b"login"
            | b"addressee"
            | b"benutzer"
            | b"utilisateur"
            | b"usuario"
            | b"destinatario"
            | b"utente"
            | b"inbox"
            | b"mail-box"
            | b"userid"
    )
}

type Words = HashSet<&'static str, foldhash::fast::FixedState>;

/// An ordinary word; anything else may be a name.
pub fn is_common(word: &[u8]) -> bool {
    static COMMON: OnceLock<Words> = OnceLock::new();
    let words = COMMON.get_or_init(|| WORDS.split_ascii_whitespace().collect());
    word.len() < 2 || lowered(word, &mut [0; 64]).is_some_and(|word| words.contains(word))
}

/// The word in lower case, if it fits.
fn lowered<'a>(word: &[u8], room: &'a mut [u8; 64]) -> Option<&'a str> {
    let slots = room.get_mut(..word.len())?;
    slots.copy_from_slice(word);
    slots.make_ascii_lowercase();
    std::str::from_utf8(slots).ok()
}

pub fn is_mailbox_key(key: &[u8]) -> bool {
    is_one_of(MAILBOX_KEYS, key)
}

pub fn is_code_key(key: &[u8]) -> bool {
    is_one_of(CODE_KEYS, key)
}

pub fn is_code_parameter(key: &[u8]) -> bool {
    is_one_of(CODE_PARAMETERS, key)
}

fn is_one_of(list: &[&str], word: &[u8]) -> bool {
    list.iter().any(|known| known.as_bytes().eq_ignore_ascii_case(word))
}

/// A code whose family is known, whatever its case: `OFR_506`, `AUP#I-1000`, `IPTS04`.
pub fn is_code_family(word: &[u8]) -> bool {
    let begins = |family: &&str| {
        word.get(..family.len()).is_some_and(|head| head.eq_ignore_ascii_case(family.as_bytes()))
    };
    // Nearly every id that is no code ends here.
    if !word.first().is_some_and(|first| FAMILY_STARTS.contains(&first.to_ascii_lowercase())) {
        return false;
    }
    let Some(family) = CODE_FAMILIES.iter().find(|family| begins(family)) else { return false };
    let rest = word.get(family.len()..).unwrap_or_default();
    rest.len() <= 10 && rest.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// Whether dots and letters make a host rather than two sentences that touch.
pub fn is_host(word: &[u8]) -> bool {
    let Some(last) = word.rsplit(|byte| *byte == b'.').next() else { return false };
    let cased = last.iter().any(u8::is_ascii_lowercase) && last.iter().any(u8::is_ascii_uppercase);
    if cased || last.len() < 2 || word.first() == Some(&b'.') {
        return false;
    }
    let country = last.len() == 2 && last.iter().all(u8::is_ascii_alphabetic);
    let encoded = last.get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"xn--"));
    let foreign = last.iter().any(|byte| !byte.is_ascii());
    let deep = word.iter().filter(|byte| **byte == b'.').count() >= 2
        && word.iter().all(|byte| !byte.is_ascii_uppercase())
        && last.iter().all(u8::is_ascii_alphabetic);
    country || encoded || foreign || deep || is_top_level(last)
}

fn is_top_level(label: &[u8]) -> bool {
    static LABELS: OnceLock<Words> = OnceLock::new();
    let labels = LABELS.get_or_init(|| TOP_LEVEL.iter().copied().collect());
    lowered(label, &mut [0; 64]).is_some_and(|label| labels.contains(label))
}

/// DNS lists and providers' explanations; anybody else's host is masked, and one too long to be
/// either.
pub fn is_kept_host(host: &[u8]) -> bool {
    static HOSTS: OnceLock<(Words, Words)> = OnceLock::new();
    let (hosts, labels) =
        HOSTS.get_or_init(|| (KEPT_HOSTS.iter().copied().collect(), LIST_LABELS.iter().copied().collect()));
    let mut room = [0; 64];
    let Some(host) = lowered(host, &mut room) else { return false };
    let mut rest = Some(host);
    while let Some(name) = rest {
        if hosts.contains(name) {
            return true;
        }
        rest = name.split_once('.').map(|(_, parent)| parent);
    }
    host.split('.').any(|label| labels.contains(label))
}

pub fn write_host(out: &mut Diagnostic, host: &[u8]) {
    let labels = host.iter().filter(|byte| **byte == b'.').count();
    let numbered = host.iter().filter(|byte| byte.is_ascii_digit()).count() > 3;
    if host.is_ascii() && labels <= 5 && !numbered && is_kept_host(host) {
        out.put(&[]);
        out.text.extend(host.iter().map(u8::to_ascii_lowercase));
    } else {
        out.put(token::HOST);
    }
}

/// Words with underscores that say something.
pub fn is_kept_joint(word: &[u8]) -> bool {
    word.eq_ignore_ascii_case(b"cuda_nsu") || word.windows(5).any(|five| five.eq_ignore_ascii_case(b"block"))
}

/// `MAILBOX_FULL`: a sentence that was written as one name.
pub fn is_joined_sentence(word: &[u8]) -> bool {
    word.len() <= 64 && word.split(|byte| *byte == b'_').all(is_common)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_is_found_by_its_first_letter() {
        for family in CODE_FAMILIES {
            assert!(is_code_family(family.as_bytes()), "{family}");
            assert!(is_code_family(format!("{}1", family.to_uppercase()).as_bytes()), "{family}");
        }
    }
}
