//! Which part of the mail a check is asked about. It compares names; it looks nothing up.

use crate::record::{Finding, Tags, tag};

/// Names as the metrics spell them; compared without case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Scope {
    pub provider: Option<String>,
    pub vmta: Option<String>,
    /// `domain/vmta`; its provider is in `provider`.
    pub queue: Option<String>,
    /// A recipient domain; its provider is in `provider`.
    pub domain: Option<String>,
    /// Providers whose findings are told elsewhere; figures are of the whole host all the same.
    pub except: Vec<String>,
}

impl Scope {
    /// Whether it is the whole host, though some of its findings may be told elsewhere.
    pub fn is_everything(&self) -> bool {
        [&self.provider, &self.vmta, &self.queue, &self.domain].iter().all(|part| part.is_none())
    }

    pub fn holds(&self, finding: &Finding) -> bool {
        let provider =
            self.provider.as_deref().is_none_or(|wanted| finding.provider.eq_ignore_ascii_case(wanted));
        let vmta = self.vmta.as_deref().is_none_or(|wanted| finding.vmta.eq_ignore_ascii_case(wanted));
        // What a provider does to everybody it does to this queue, too.
        let queue = self
            .queue
            .as_deref()
            .and_then(|queue| queue.rsplit_once('/'))
            .is_none_or(|(_, vmta)| finding.vmta.is_empty() || finding.vmta.eq_ignore_ascii_case(vmta));
        let elsewhere = self.except.iter().any(|name| finding.provider.eq_ignore_ascii_case(name));
        provider && vmta && queue && !elsewhere
    }

    /// Whether a row of the queue list belongs to it.
    pub fn holds_queue(&self, tags: &Tags) -> bool {
        let equal = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| found.eq_ignore_ascii_case(wanted))
        };
        let queue = tag(tags, "queue");
        let (domain, vmta) = queue.rsplit_once('/').unwrap_or((queue, ""));
        // A queue or a domain says more than the provider that was looked up for it.
        let provider =
            self.queue.is_some() || self.domain.is_some() || equal(&self.provider, tag(tags, "provider"));
        let whole = match &self.queue {
            Some(wanted) if wanted.contains('/') => queue.eq_ignore_ascii_case(wanted),
            Some(wanted) => domain.eq_ignore_ascii_case(wanted),
            None => true,
        };
        let named = tag(tags, "vmta");
        provider
            && whole
            && equal(&self.domain, domain)
            && equal(&self.vmta, if named.is_empty() { vmta } else { named })
    }

    /// For sentences: `[Yahoo]`, empty when it is everything.
    pub fn bracket(&self) -> String {
        let parts = [&self.queue, &self.domain, &self.provider];
        let subject = parts.into_iter().flatten().next();
        match (subject, &self.vmta) {
            (Some(subject), None) => format!("[{subject}] "),
            (Some(subject), Some(vmta)) => format!("[{subject}, {vmta}] "),
            (None, Some(vmta)) => format!("[{vmta}] "),
            (None, None) => String::new(),
        }
    }
}
