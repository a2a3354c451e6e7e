//! What is asked: which check, of which part of the mail, against which ranges. It refuses what
//! cannot be answered, and says what could be asked instead.

use crate::classify::Providers;
use crate::cli;
use crate::config::nearest;
use crate::emit::nagios::{Range, Uom};
use crate::judge::checks::{Check, Figure, Scope, checks};
use crate::record::{Seconds, Unit};
use crate::run::setup::Setup;
use std::fmt::Write;
use std::time::Duration;

/// The windows reach back so far.
const LONGEST_WINDOW: u64 = 8 * 3_600;

pub struct Question {
    /// `None`: all of them.
    pub check: Option<Check>,
    pub scope: Scope,
    /// Somebody named ranges: then they decide alone.
    pub ranged: bool,
    pub warning: Option<Range>,
    pub critical: Option<Range>,
    pub host: Option<String>,
    pub window: Seconds,
    pub stale: Seconds,
    pub timeout: Duration,
    pub verbose: u8,
}

impl Question {
    pub fn new(args: &cli::Check, setup: &Setup) -> Result<Question, String> {
        let check = match args.name.as_str() {
            "all" => None,
            name => Some(named(name)?),
        };
        let range = |text: &Option<String>| {
            Range::parse(text.as_deref().unwrap_or_default()).map_err(|why| why.to_string())
        };
        let (warning, critical) = (range(&args.warning)?, range(&args.critical)?);
        let mut question = Question {
            check,
            scope: scope(args, setup),
            ranged: warning.is_some() || critical.is_some(),
            warning,
            critical,
            host: args.hostname.clone(),
            window: seconds(args.window.min(Duration::from_secs(LONGEST_WINDOW))),
            stale: seconds(args.stale),
            timeout: args.timeout,
            verbose: args.verbose,
        };
        question.refuse()?;
        if let (false, Some(check)) = (question.ranged, question.check) {
            question.warning = Range::parse(check.warning).ok().flatten();
            question.critical = Range::parse(check.critical).ok().flatten();
        }
        Ok(question)
    }

    fn refuse(&self) -> Result<(), String> {
        let figure = self.check.and_then(|check| check.figure);
        let name = self.check.map_or("all", |check| check.name);
        if self.ranged && figure.is_none() {
            return Err(format!("{name} has no figure of its own: leave -w and -c out, or name one check"));
        }
        if self.ranged && self.scope.vmta.is_some() && figure.is_some_and(Figure::is_of_records) {
            return Err(format!("{name} has no figure by VMTA: leave -w and -c out, its findings decide"));
        }
        let whole_host = figure.is_some_and(|figure| !figure.narrows());
        if whole_host && !self.scope.is_everything() {
            return Err(format!(
                "{name} is about the whole host: leave --provider, --vmta, --queue and --domain out"
            ));
        }
        if self.check.is_some() && !self.scope.except.is_empty() {
            return Err(format!("--except narrows all, not {name}: leave it out, or name a --provider"));
        }
        let asks = figure.is_some() && self.check.is_some_and(|check| matches!(check.source, "web" | "smtp"));
        if self.host.is_some() && !asks {
            return Err(format!(
                "{name} judges the ledger of this host: leave -H out, or run it where PowerMTA runs"
            ));
        }
        Ok(())
    }
}

fn named(name: &str) -> Result<Check, String> {
    let known = checks();
    if let Some(check) = known.iter().find(|check| check.name == name) {
        return Ok(*check);
    }
    let names = known.iter().map(|check| check.name).chain(["all", "list"]);
    let hint = nearest(name, names).map_or_else(String::new, |near| format!("; did you mean {near}?"));
    Err(format!("there is no check \"{name}\"{hint} (pmta-vitals check list names them)"))
}

/// A queue and a domain belong to a provider, by the same table as everywhere.
fn scope(args: &cli::Check, setup: &Setup) -> Scope {
    let given = |name: &Option<String>| name.clone().filter(|name| !name.is_empty());
    let (queue, domain) = (given(&args.queue), given(&args.domain));
    let of_queue = queue.as_deref().map(|queue| queue.rsplit_once('/').map_or(queue, |(domain, _)| domain));
    let looked_up = of_queue.or(domain.as_deref()).map(|name| {
        let mut providers = Providers::new(&setup.loaded.config.providers);
        let names = providers.names();
        match providers.lookup(name.as_bytes(), b"") {
            crate::classify::Provider::Named(number) => {
                names.get(usize::from(number)).map_or_else(String::new, |name| (**name).to_owned())
            }
            crate::classify::Provider::Domain(domain) => domain.to_owned(),
        }
    });
    let vmta = given(&args.vmta).map(|name| if name == "default" { "{default}".to_owned() } else { name });
    let except = args.except.iter().filter(|name| !name.is_empty()).cloned().collect();
    Scope { provider: given(&args.provider).or(looked_up), vmta, queue, domain, except }
}

fn seconds(time: Duration) -> Seconds {
    Seconds::try_from(time.as_secs()).unwrap_or(Seconds::MAX).max(1)
}

/// What a figure is measured in, for people and for hosts.
pub fn unit(unit: Unit) -> (&'static str, Uom) {
    match unit {
        Unit::Ratio => (" %", Uom::Percent),
        Unit::Seconds => (" s", Uom::Seconds),
        Unit::Bytes => (" B", Uom::Bytes),
        _ => ("", Uom::None),
    }
}

/// `check list`: names, figures, defaults.
pub fn list() -> String {
    let mut text = format!("{:<18} {:<20} {:<8} {:<8} about\n", "check", "figure", "-w", "-c");
    let _ = writeln!(text, "{:<18} {:<20} {:<8} {:<8} the worst of all checks below", "all", "-", "-", "-");
    for check in checks() {
        let figure = check
            .figure
            .map_or_else(|| "-".to_owned(), |figure| format!("{}{}", figure.label(), unit(figure.unit()).0));
        let shown = |range: &'static str| if range.is_empty() { "-" } else { range };
        let (warning, critical) = (shown(check.warning), shown(check.critical));
        let _ = writeln!(text, "{:<18} {figure:<20} {warning:<8} {critical:<8} {}", check.name, check.about);
    }
    text.push_str(
        "\nWithout ranges a check's findings decide its state. --provider, --vmta, --queue and --domain narrow the\n\
         checks of accounting records, queue-size and all; --except leaves providers out of all, whose\n\
         findings are told elsewhere; -H asks PowerMTA elsewhere (web-monitor, smtp, spool, connections-in,\n\
         connections-out, queue-size).\n",
    );
    text
}
