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

/// What servers say next to a mailbox word. Anything else there is taken for a name.
const COMMON: &str = " a about abuse abusing access account accounts action active add address addresses administratively after aged aging all allocated allocation allowed \
also am an and any appear appears archived are as at auth authentication authorized available bad banned be because been beyond blacklisted \
blocked bounce bounced box but by can can't cannot cant capacity check closed code command complaint confirmed connection contains content could couldn't currently database deactivated deferred \
defunct deleted denied desativada desconocido destination did directory disabled discontinued disk disponibile dns do does doesn't doesnt domain don't dont doubled due email empty en enabled error est exceed exceeded exceeds \
exist existe existiert exists expired fail failed failure filter filtered for found from frozen full gefunden gateway gesperrt got group had has hasn't have here host id if illegal in inactif inactive inattivo incoming inconnu inesistente inexistant inexistente information insufficient internal invalid invalido is ist isn't it \
kein kennt known language leave left length limit limited list listed locked login longer lookup mail mailbox mailboxes mails maintenance malformed may message messages mode moved must n'existe name \
namespace needs nao new nicht no non none non-existent nonexistent nonexist not nulo null occupied of off offline on only or our out over over-quota overflow overloaded overquota owner password pas path per permanently permission please policy preferences preference problem prohibited protected quota quotas rate \
receive received receives receiving recipient recipients refused refuse registered reject rejected rejects relay removed request requested requires restricted restrictions said \
sconosciuto security see sender server service size smtp so someone sorry spam spamtrap specified status stopped storage store suspended suspend system table temporarily temporary that the their them there this threshold to \
too try unable unavailable unauthorized unaware unbekannt unconfirmed under unkown unknown unknow unlisted unregistered unreachable unroutable unrouteable unsubscribed until unverified \
upgrade use usersearch user users usage used using validation vacation verification verify via virtual was wasn't we were which who whose will with within without would wrong yet you your \
mailhost server's client connect greeting ehlo helo data rcpt starttls local remote host's sysop lost timeout timed ip ips dnsbl rbl virus viruses delivery transaction syntax protocol resources operation warning temp permanent perm too-many requested greylisted greylisting graylisted grey-listed throttled deferring try-again esmtp routing loop hop hops mx \
spf dkim dmarc arc tls ssl certificate ptr reverse too quota, mailquota undeliverable unrecognized unrecognised unresolved sending throttling throttled greylist deferral delivery pending waiting names name's needed identified attempts hat sind wurde wird werden kann konnte auf für fuer bei und oder zu zum im der inconnue invalide inexistante bloque bloqué desactivé suspendu pleine pas a-t-il suspendida bloqueada inactiva llena lleno não nao cheia disabilitato pieno piena disattivata relaying policies listing administrator notice note host's line too connections messages message's sessions session ok sorry, envelope content spam-like virus-infected header headers body subject attachment unsolicited suspected abuse-related bounces bulk junk diese dieser der die das les le la el il lo um uma o este esta cette votre adresse empfänger postfach utilisateur ";

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

/// A word that servers use next to a mailbox word; anything else may be a name.
pub fn is_common(word: &[u8]) -> bool {
    static WORDS: OnceLock<Words> = OnceLock::new();
    let words = WORDS.get_or_init(|| COMMON.split(' ').collect());
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
