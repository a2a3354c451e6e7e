//! What `explain` answers: one tab-separated line per reply, or one reply in words. Does no input
//! and no output.

use super::words;
use super::{Answer, Classifier, Provider, Providers, Reply};

/// A longer line is cut here before it is read.
const LONGEST_LINE: usize = 64 * 1024;

/// Answers one line `dsnStatus<TAB>dsnDiag[<TAB>dsnMta[<TAB>type]]` with
/// `reason<TAB>provider<TAB>stage<TAB>rule`, without a line end. Missing columns are empty, extra
/// ones ignored; an empty type is guessed from the code.
pub fn tsv_line(classifier: &mut Classifier, providers: &Providers, line: &[u8]) -> String {
    let line = line.get(..LONGEST_LINE).unwrap_or(line);
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let mut columns = line.split(|byte| *byte == b'\t');
    let mut next = || columns.next().unwrap_or_default();
    let (status, diag, mta, kind) = (next(), next(), next(), next());
    let provider = providers.of_host(mta);
    let answer = classifier.answer(reply_of(status, diag, mta, kind, provider));
    let stage = answer.stage.map_or("-", super::Stage::name);
    let rule = answer.rule.and_then(|number| classifier.rule(number)).map_or("-", |rule| &rule.id);
    let provider = provider.map_or("other", |number| providers.name(number));
    format!("{}\t{provider}\t{stage}\t{rule}", answer.reason.name())
}

/// The reply that a status, a text, a host and a record type make.
pub fn reply_of<'a>(
    status: &'a [u8],
    diag: &'a [u8],
    mta: &'a [u8],
    kind: &[u8],
    provider: Option<u16>,
) -> Reply<'a> {
    let kind = kind.trim_ascii();
    let class = class_of(status, diag);
    let (queue_level, transient) = match kind {
        b"tq" => (true, true),
        b"t" => (false, true),
        b"" if diag.trim_ascii().is_empty() && class == Some(b'4') => (true, true),
        b"" => (false, class == Some(b'4')),
        _ => (false, false),
    };
    Reply {
        provider: provider.map_or(Provider::Domain(""), Provider::Named),
        queue_level,
        transient,
        status,
        diag,
        has_remote: !mta.is_empty(),
    }
}

/// The first digit of the reply's code, else of its status.
fn class_of(status: &[u8], diag: &[u8]) -> Option<u8> {
    let diag = diag.trim_ascii();
    let diag = match diag.split_at_checked(5) {
        Some((head, rest)) if head.eq_ignore_ascii_case(b"smtp;") => rest.trim_ascii(),
        _ => diag,
    };
    let class = |text: &[u8]| text.first().copied().filter(|digit| matches!(digit, b'2' | b'4' | b'5'));
    class(diag).or_else(|| class(status.trim_ascii()))
}

/// One reply explained to a person, over several lines.
pub fn in_words(classifier: &mut Classifier, providers: &Providers, reply: Reply<'_>) -> String {
    let answer = classifier.answer(reply);
    let facets = classifier.facets(reply, &answer);
    let mut lines = Vec::new();
    let mut say = |name: &str, text: &str| lines.push(format!("{name:<10} {text}"));
    say("reason", &format!("{}: {}", answer.reason.name(), answer.reason.meaning()));
    say("provider", &provider_in_words(providers, reply.provider));
    say("stage", answer.stage.map_or("not told by this reply", super::Stage::name));
    if let Some(code) = &facets.provider_code {
        say("code", code);
    }
    if let Some(list) = &facets.dns_list {
        say("list", list);
    }
    say("retry", words::retry_in_words(answer.reason, facets.retry_after));
    if let Some(seconds) = facets.retry_after {
        say("wait", &format!("{seconds} seconds, says the reply"));
    }
    say("do", words::action(answer.reason));
    rule_in_words(classifier, &answer, &mut say);
    say("template", &format!("{:016x} {}", answer.template, classifier.text()));
    lines.join("\n")
}

fn provider_in_words(providers: &Providers, provider: Provider<'_>) -> String {
    match provider {
        Provider::Domain("") => "not known".to_owned(),
        provider => providers.tag(provider).to_owned(),
    }
}

fn rule_in_words(classifier: &mut Classifier, answer: &Answer, say: &mut impl FnMut(&str, &str)) {
    match answer.rule.and_then(|number| classifier.rule(number)) {
        Some(rule) => {
            say("rule", &format!("{} ({})", rule.id, rule.file));
            say("source", &format!("{} (looked at {})", rule.source, rule.checked));
        }
        None => say("rule", "none: the status or the code alone decided"),
    }
}
