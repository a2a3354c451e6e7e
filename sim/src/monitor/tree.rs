//! One tree of values and its three prints (JSON, XML, DOM), with PowerMTA's rules for each.

use std::fmt::Write as _;

#[derive(Clone, Debug)]
pub enum Tree {
    Text(String),
    Whole(u64),
    /// Kilobytes: one decimal; JSON leaves it out when it is zero.
    Amount(f64),
    /// JSON `true`, XML and DOM `1`.
    Flag(bool),
    Node(Vec<(&'static str, Tree)>),
    /// A list: JSON prints an array, XML and DOM repeat this singular name.
    Rows(&'static str, Vec<Tree>),
}

/// What a fault does to the print.
#[derive(Clone, Copy, Debug, Default)]
pub struct Style {
    pub numbers_as_strings: bool,
    pub unknown_keys: bool,
}

pub fn text(value: impl Into<String>) -> Tree {
    Tree::Text(value.into())
}

pub fn json(tree: &Tree, style: Style, out: &mut String) {
    match tree {
        Tree::Text(value) => quote(value, out),
        Tree::Whole(value) => number(&value.to_string(), style, out),
        Tree::Amount(value) => {
            let printed = format!("{value:.1}");
            number(printed.strip_suffix(".0").unwrap_or(&printed), style, out);
        }
        Tree::Flag(value) => push(out, format_args!("{value}")),
        Tree::Node(fields) => {
            out.push('{');
            if style.unknown_keys {
                out.push_str("\"somethingNewer\":{\"a\":[1,null,\"x\"]},");
            }
            for (i, (name, value)) in fields.iter().enumerate() {
                push(out, format_args!("{}\"{name}\":", if i > 0 { "," } else { "" }));
                json(value, style, out);
            }
            out.push('}');
        }
        Tree::Rows(_, rows) => {
            out.push('[');
            for (i, row) in rows.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                json(row, style, out);
            }
            out.push(']');
        }
    }
}

/// `name` is the element around the value; a list repeats its singular name instead.
pub fn xml(name: &str, tree: &Tree, style: Style, out: &mut String) {
    match tree {
        Tree::Rows(one, rows) => rows.iter().for_each(|row| xml(one, row, style, out)),
        Tree::Text(value) if value.is_empty() => push(out, format_args!("<{name}/>")),
        Tree::Node(fields) => {
            push(out, format_args!("<{name}>"));
            if style.unknown_keys {
                out.push_str("<somethingNewer><a>1</a></somethingNewer>");
            }
            fields.iter().for_each(|(name, value)| xml(name, value, style, out));
            push(out, format_args!("</{name}>"));
        }
        leaf => push(out, format_args!("<{name}>{}</{name}>", escape(&plain(leaf)))),
    }
}

/// Lines `a.b[0].c="value"`; quotes inside a value are not escaped.
pub fn dom(path: &str, tree: &Tree, out: &mut String) {
    let dot = if path.is_empty() { "" } else { "." };
    match tree {
        Tree::Node(fields) => {
            for (name, value) in fields {
                match value {
                    Tree::Rows(..) => dom(path, value, out),
                    _ => dom(&format!("{path}{dot}{name}"), value, out),
                }
            }
        }
        Tree::Rows(one, rows) => {
            for (i, row) in rows.iter().enumerate() {
                dom(&format!("{path}{dot}{one}[{i}]"), row, out);
            }
        }
        leaf => push(out, format_args!("{path}=\"{}\"\n", plain(leaf))),
    }
}

/// A JSON string, quotes and all.
pub fn quote(value: &str, out: &mut String) {
    out.push_str(&serde_json::Value::from(value).to_string());
}

pub fn escape(value: &str) -> String {
    value.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn plain(leaf: &Tree) -> String {
    match leaf {
        Tree::Text(value) => value.clone(),
        Tree::Whole(value) => value.to_string(),
        Tree::Amount(value) => format!("{value:.1}"),
        Tree::Flag(value) => u8::from(*value).to_string(),
        Tree::Node(_) | Tree::Rows(..) => String::new(),
    }
}

fn number(printed: &str, style: Style, out: &mut String) {
    let mark = if style.numbers_as_strings { "\"" } else { "" };
    push(out, format_args!("{mark}{printed}{mark}"));
}

fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing to a String cannot fail.
    let _ = out.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Tree {
        Tree::Node(vec![
            ("kb", Tree::Amount(0.0)),
            ("more", Tree::Amount(2.5)),
            ("off", Tree::Flag(false)),
            ("queues", Tree::Rows("queue", vec![Tree::Node(vec![("name", text("a\"b<c"))])])),
            ("empty", text("")),
        ])
    }

    #[test]
    fn each_print_follows_its_rules() {
        let mut out = String::new();
        json(&sample(), Style::default(), &mut out);
        assert_eq!(out, r#"{"kb":0,"more":2.5,"off":false,"queues":[{"name":"a\"b<c"}],"empty":""}"#);
        out.clear();
        xml("data", &sample(), Style::default(), &mut out);
        assert_eq!(
            out,
            "<data><kb>0.0</kb><more>2.5</more><off>0</off><queue><name>a\"b&lt;c</name></queue><empty/></data>"
        );
        out.clear();
        dom("", &sample(), &mut out);
        assert_eq!(out, "kb=\"0.0\"\nmore=\"2.5\"\noff=\"0\"\nqueue[0].name=\"a\"b<c\"\nempty=\"\"\n");
    }

    #[test]
    fn faults_change_the_print_and_leave_it_json() {
        let mut out = String::new();
        json(&sample(), Style { numbers_as_strings: true, unknown_keys: true }, &mut out);
        let value: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(value["more"], "2.5");
        assert!(value["somethingNewer"].is_object());
    }
}
