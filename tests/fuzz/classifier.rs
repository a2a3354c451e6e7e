//! Replies and `explain --tsv`: one answer of four columns for any line, the same from memory, and
//! no address in what is remembered.

use pmta_vitals::classify::explain::{reply_of, tsv_line};
use pmta_vitals::classify::{Classifier, Providers, Reason};
use std::cell::RefCell;
use std::collections::BTreeMap;

pub const WORDS: &[&str] = &[
    "\t",
    "smtp;",
    "421 4.7.0 ",
    "550 5.1.1 <someone@example.com>: ",
    "[192.0.2.1]",
    "2001:db8::1",
    "rate limited",
    "try again later",
    "https://example.com/?ip=192.0.2.1&to=someone@example.com",
    "someone=example.com@example.org",
    "someone@[192.0.2.1]",
    "\"some one\"@example.com",
    "<>",
    "4.2.1 (mailbox busy)",
    "aspmx.l.google.com (192.0.2.1)",
    "\u{2026}",
    "=?utf-8?B?",
    "tq",
    "\r\n",
];

thread_local! {
    static TOOLS: RefCell<(Classifier, Providers)> = {
        let providers = Providers::new(&BTreeMap::new());
        RefCell::new((Classifier::new(&providers, Vec::new()), providers))
    };
}

pub fn body(data: &[u8]) {
    TOOLS.with_borrow_mut(|(classifier, providers)| {
        let first = tsv_line(classifier, providers, data);
        let columns: Vec<&str> = first.split('\t').collect();
        assert_eq!(columns.len(), 4, "{first:?}");
        assert!(Reason::ALL.iter().any(|reason| reason.name() == columns[0]), "{first:?}");
        assert!(
            columns.iter().all(|column| !column.is_empty() && !column.contains(['\n', '\r'])),
            "{first:?}"
        );
        assert_eq!(tsv_line(classifier, providers, data), first, "the second answer comes from memory");

        let answer = classifier.answer(reply_of(b"", data, b"", b"t", None));
        assert_eq!(answer, classifier.answer(reply_of(b"", data, b"", b"t", None)));
        let text = classifier.text();
        let at = text.find('@').filter(|at| {
            let near = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
            near(text[..*at].chars().next_back()) && near(text[*at + 1..].chars().next())
        });
        assert_eq!(at, None, "an address is left in {text:?}");
    });
}
