//! Command lines as `pmta` and `/command` take them: what each answers, and what each does to the host.

use super::lists::{self, Wish};
use super::tree::{self, Tree, text};
use super::{status, words};
use crate::world::World;

/// What a command answers: the tree for XML, DOM and JSON, the text for people.
pub struct Answer {
    pub tree: Tree,
    pub text: String,
    /// Goes into JSON's `message` and XML's `<succ>`.
    pub message: String,
}

impl Answer {
    pub fn of(tree: Tree, text: String) -> Self {
        Self { tree, text, message: String::new() }
    }

    fn said(message: &str) -> Self {
        let tree = Tree::Node(Vec::new());
        Self { tree, text: format!("{message}\n"), message: message.to_owned() }
    }
}

const SHOWN: &[&str] = &[
    "status",
    "queues",
    "topqueues",
    "domains",
    "topdomains",
    "vmtas",
    "jobs",
    "version",
    "license",
    "settings",
    "vmta-settings",
    "disabled",
    "registration",
    "precache",
];

/// Runs a command line; `Err` is what a failed command says.
pub fn run(world: &mut World, line: &str, json: bool) -> Result<Answer, String> {
    let (plain, wish) = parse(line, json)?;
    match plain.first() {
        Some(&"show" | &"list") => look(world, line, json),
        _ => act(world, &plain, &wish),
    }
}

/// The four prints of a command that only looks, by the ending of a file's name.
pub fn prints(world: &World, line: &str) -> Vec<(&'static str, String)> {
    let (mut dom, mut xml, mut json) = (String::new(), String::from("<rsp>"), String::from("{\"data\":"));
    let style = tree::Style::default();
    let (Ok(plain), Ok(answer)) = (look(world, line, false), look(world, line, true)) else {
        return Vec::new();
    };
    tree::dom("", &plain.tree, &mut dom);
    tree::xml("data", &plain.tree, style, &mut xml);
    xml.push_str("<succ/></rsp>");
    tree::json(&answer.tree, style, &mut json);
    json.push_str(",\"status\":\"success\",\"message\":\"\"}");
    vec![("dom", dom), ("xml", xml), ("json", json), ("txt", plain.text)]
}

/// A command that only looks; the error is what a failed command says.
fn look(world: &World, line: &str, json: bool) -> Result<Answer, String> {
    let (plain, wish) = parse(line, json)?;
    match plain.as_slice() {
        ["show", what, rest @ ..] => show(world, what, rest.first().copied().unwrap_or(""), wish),
        ["list"] => {
            let max_items = if wish.max_items == usize::MAX { 100 } else { wish.max_items };
            Ok(Answer::of(lists::list(world, &Wish { max_items, ..wish }), String::new()))
        }
        _ => Err(format!("unknown command: {line}")),
    }
}

fn parse(line: &str, json: bool) -> Result<(Vec<&str>, Wish), String> {
    let parts = line.split_whitespace();
    let (options, plain): (Vec<&str>, Vec<&str>) = parts.partition(|part| part.starts_with("--"));
    Ok((plain, wish(&options, json)?))
}

/// Commands that change something.
fn act(world: &mut World, plain: &[&str], wish: &Wish) -> Result<Answer, String> {
    let told = |result: Result<(), crate::SimError>, message: &str| {
        result.map(|()| Answer::said(message)).map_err(|error| error.to_string())
    };
    match plain {
        ["reset", "counters" | "count" | "status"] => {
            world.books.reset_counters();
            Ok(Answer::said("Traffic counters reset."))
        }
        ["reload"] => {
            let now = world.now;
            world.books.log.line(now, "Configuration reloaded.");
            Ok(Answer::said("Configuration reloaded."))
        }
        ["rotate", "acct", ..] => told(world.books.rotate(), "Accounting file rotated."),
        ["rotate", "log"] => told(world.books.log.rotate(), "Logging file rotated."),
        ["pause", "queue", name] => Ok(each(world, name, "Queue(s) paused.", |queue, _| queue.paused = true)),
        ["resume", "queue", name] => {
            Ok(each(world, name, "Queue(s) resumed.", |queue, _| queue.paused = false))
        }
        ["set", "queue", name] => {
            let backoff = wish.backoff == Some(true);
            let until = move |now| if backoff { now + 3_600 } else { 0 };
            Ok(each(world, name, "Queue mode set.", move |queue, now| queue.backoff_until = until(now)))
        }
        _ => Err(format!("unknown command: {}", plain.join(" "))),
    }
}

fn each(
    world: &mut World,
    pattern: &str,
    said: &str,
    change: impl Fn(&mut crate::flow::Queue, i64),
) -> Answer {
    let now = world.now;
    let names: Vec<String> = world.flow.queues.iter().map(|queue| world.flow.queue_name(queue)).collect();
    for (queue, name) in world.flow.queues.iter_mut().zip(names) {
        if lists::fits(pattern, &name) {
            change(queue, now);
        }
    }
    Answer::said(said)
}

fn show(world: &World, what: &str, name: &str, mut wish: Wish) -> Result<Answer, String> {
    let asked = SHOWN.iter().find(|known| **known == what);
    let Some(what) = asked.or_else(|| SHOWN.iter().find(|known| known.starts_with(what))) else {
        return Err(format!("unknown command: show {what}"));
    };
    wish.pattern = name.to_owned();
    if wish.max_items == usize::MAX && !matches!(*what, "vmtas" | "jobs") {
        wish.max_items = 20;
    }
    let answer = match *what {
        "status" => Answer::of(status::status(world), words::status(world)),
        "version" => {
            let message = words::version(world);
            Answer { tree: status::mta(world), text: format!("{message}\n"), message }
        }
        "queues" | "topqueues" => {
            let tree = lists::queues(world, &wish);
            let text = words::queues(&tree);
            Answer::of(tree, text)
        }
        "domains" | "topdomains" => {
            let tree = lists::domains(world, &wish);
            let text = words::domains(&tree);
            Answer::of(tree, text)
        }
        "vmtas" => {
            let tree = lists::vmtas(world, &wish);
            let text = words::vmtas(&tree);
            Answer::of(tree, text)
        }
        "jobs" => {
            let tree = lists::jobs(world, &wish);
            let text = words::jobs(&tree);
            Answer::of(tree, text)
        }
        "license" => Answer::of(words::license_tree(world), words::license(world)),
        "settings" => Answer::of(words::settings_tree(world, name), words::settings(world, name)),
        "vmta-settings" => {
            Answer::of(Tree::Node(vec![("name", text(name))]), words::vmta_settings(world, name))
        }
        "disabled" => Answer::of(Tree::Node(Vec::new()), "No disabled sources.\n".to_owned()),
        other => Answer::said(&format!("No {other}.")),
    };
    Ok(answer)
}

fn wish(options: &[&str], json: bool) -> Result<Wish, String> {
    let mut wish = Wish { max_items: usize::MAX, json, ..Wish::default() };
    for option in options {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        let yes = value == "yes";
        match name {
            "--maxitems" => wish.max_items = value.parse().map_err(|_| format!("bad value: {option}"))?,
            "--errors" => wish.errors = true,
            "--connected" => wish.connected = Some(yes),
            "--paused" => wish.paused = Some(yes),
            "--mode" => wish.backoff = Some(value == "backoff"),
            "--vmta" => value.clone_into(&mut wish.vmta),
            "--queue" => value.clone_into(&mut wish.pattern),
            "--sort" => value.clone_into(&mut wish.sort),
            "--older-than" => {
                wish.older_than = seconds(value).ok_or_else(|| format!("bad time interval: {value}"))?;
            }
            "--no-rcpt-events" | "--mode-events" | "--pause" | "--priority" | "--schedule" => {}
            other => return Err(format!("unknown option: {other}")),
        }
    }
    Ok(wish)
}

/// `1w2d12h30m10s`, or bare seconds.
fn seconds(text: &str) -> Option<i64> {
    let (mut sum, mut digits) = (0, String::new());
    for letter in text.chars() {
        let unit = match letter {
            '0'..='9' => {
                digits.push(letter);
                continue;
            }
            's' => 1,
            'm' => 60,
            'h' => 3_600,
            'd' => 86_400,
            'w' => 604_800,
            _ => return None,
        };
        sum += digits.parse::<i64>().ok()?.checked_mul(unit)?;
        digits.clear();
    }
    if digits.is_empty() { Some(sum) } else { Some(sum + digits.parse::<i64>().ok()?) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_are_read_as_the_configuration_writes_them() {
        for (text, expected) in
            [("24h", Some(86_400)), ("1d12h", Some(129_600)), ("90", Some(90)), ("5x", None), ("h", None)]
        {
            assert_eq!(seconds(text), expected, "{text}");
        }
    }
}
