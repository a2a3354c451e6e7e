//! Pages by path: what each answers, in the envelope of its format. Opens no socket.

use std::fs;

use super::commands::{self, Answer as Reply};
use super::http::{Answer, Request};
use super::lists::{self, Wish};
use super::tree::{self, Style, Tree, text};
use super::{status, words};
use crate::faults::WebFault;
use crate::options::Access;
use crate::world::World;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Format {
    Json,
    JsonText,
    Xml,
    XmlText,
}

/// Answers a request of someone with at least the right to look.
pub fn answer(world: &mut World, request: &Request, access: Access, faults: &[WebFault]) -> Answer {
    if let Some(page) = request.path.strip_prefix("/ui") {
        return Answer::new(200, "text/html; charset=utf-8", html(page));
    }
    match request.path.as_str() {
        "/getFile" => return file(world, request),
        "/getlocalips" => {
            let ips = world.flow.network.vmtas.iter().map(|vmta| format!("<ip>{}</ip>", vmta.ip));
            let ips: String = ips.collect();
            return Answer::new(200, "text/xml", format!("<rsp><localIps>{ips}</localIps><succ/></rsp>"));
        }
        _ => {}
    }
    let old = world.options.old_version;
    let format = match request.parameter("format") {
        Some("json") if !old => Format::Json,
        Some("json-text") if !old => Format::JsonText,
        Some("xml") => Format::Xml,
        Some("xml-text") => Format::XmlText,
        _ if old => return Answer::new(200, "text/html", html(&request.path)),
        _ => return Answer::redirect(format!("/ui{}", request.path)),
    };
    let json = matches!(format, Format::Json | Format::JsonText);
    if faults.contains(&WebFault::StatusFail) {
        return wrap(&Err("the service is not available".to_owned()), format, request, faults, old);
    }
    let reply = match request.path.as_str() {
        "/command" if access < Access::Operator => {
            return Answer::new(403, "text/html", "<html><body>Access is forbidden.</body></html>");
        }
        "/command" if request.method != "POST" => Err("use POST".to_owned()),
        "/command" => match request.parameter("command") {
            Some(line) => commands::run(world, line, json),
            None => return Answer::new(400, "text/html", "<html><body>command is missing</body></html>"),
        },
        path => match page(world, path, request, json, faults) {
            Some(reply) => Ok(reply),
            None => return Answer::new(404, "text/html", "<html><body>File not found</body></html>"),
        },
    };
    wrap(&reply, format, request, faults, old)
}

fn page(world: &World, path: &str, request: &Request, json: bool, faults: &[WebFault]) -> Option<Reply> {
    let asked = request.parameter("maxitems").and_then(|text| text.parse().ok());
    let asked: Option<usize> = asked.filter(|_| world.options.url_max_items);
    let wish = Wish {
        max_items: asked.unwrap_or(world.options.default_max_items),
        errors: true,
        pattern: request.parameter("queue").or(request.parameter("domain")).unwrap_or("").to_owned(),
        json: json && !faults.contains(&WebFault::OtherSpelling),
        ..Wish::default()
    };
    let many = faults.iter().find_map(|fault| match fault {
        WebFault::ManyQueues(count) => Some(*count),
        _ => None,
    });
    let reply = match path {
        "/" | "/status" => Reply::of(status::status(world), words::status(world)),
        "/queues" => {
            let tree = many
                .map_or_else(|| lists::queues(world, &wish), |count| lists::invented_queues(count, &wish));
            let text = words::queues(&tree);
            Reply::of(tree, text)
        }
        "/queueDetail" => {
            let name = request.parameter("queue").unwrap_or("*/*");
            let row = lists::detail(world, name, &wish)?;
            let tree = Tree::Node(vec![("queue", row), ("settings", words::settings_tree(world, name))]);
            Reply::of(tree, words::settings(world, name))
        }
        "/domains" | "/domainDetail" => {
            let tree = lists::domains(world, &wish);
            let text = words::domains(&tree);
            Reply::of(tree, text)
        }
        "/vmtas" => {
            let tree = lists::vmtas(world, &wish);
            let text = words::vmtas(&tree);
            Reply::of(tree, text)
        }
        "/jobs" | "/jobDetail" => {
            let tree = lists::jobs(world, &wish);
            let text = words::jobs(&tree);
            Reply::of(tree, text)
        }
        "/listqueue" if faults.contains(&WebFault::NoListing) => return None,
        "/listqueue" => Reply::of(lists::list(world, &Wish { max_items: 100, ..wish }), String::new()),
        "/logs" => Reply::of(logs(world), String::new()),
        _ => return None,
    };
    Some(reply)
}

/// The log and accounting files with their sizes.
fn logs(world: &World) -> Tree {
    let entries = fs::read_dir(world.options.log_folder()).into_iter().flatten().flatten();
    let mut rows: Vec<(String, u64)> = entries
        .filter_map(|entry| {
            let meta = entry.metadata().ok().filter(|meta| meta.is_file())?;
            Some((entry.file_name().to_string_lossy().into_owned(), meta.len()))
        })
        .collect();
    rows.sort();
    let rows = rows.into_iter().map(|(name, size)| {
        Tree::Node(vec![
            ("name", text(name)),
            ("date", text(world.calendar.stamp(world.now))),
            ("size", text(format!("{}K", size.div_ceil(1_024)))),
        ])
    });
    Tree::Node(vec![("log", Tree::Node(vec![("files", Tree::Rows("file", rows.collect()))]))])
}

fn file(world: &World, request: &Request) -> Answer {
    let name = request.parameter("file").unwrap_or("");
    let inside = !name.is_empty() && !name.contains(['/', '\\']) && !name.starts_with('.');
    match fs::read(world.options.log_folder().join(name)) {
        Ok(bytes) if inside => Answer::new(200, "application/octet-stream", bytes),
        Err(_) if inside => Answer::new(404, "text/html", "<html><body>File not found</body></html>"),
        _ => Answer::new(403, "text/html", "<html><body>Access to the requested file denied</body></html>"),
    }
}

fn wrap(
    reply: &Result<Reply, String>,
    format: Format,
    request: &Request,
    faults: &[WebFault],
    old: bool,
) -> Answer {
    let style = Style {
        numbers_as_strings: faults.contains(&WebFault::NumbersAsStrings),
        unknown_keys: faults.contains(&WebFault::UnknownKeys),
    };
    let mut out = String::new();
    match format {
        Format::Json | Format::JsonText => {
            envelope_json(reply, format, request, style, &mut out);
            Answer::new(200, "application/json", out)
        }
        Format::Xml | Format::XmlText => {
            envelope_xml(reply, format, style, &mut out);
            // Old versions say html and mean XML.
            Answer::new(200, if old { "text/html" } else { "text/xml" }, out)
        }
    }
}

fn envelope_json(
    reply: &Result<Reply, String>,
    format: Format,
    request: &Request,
    style: Style,
    out: &mut String,
) {
    match reply {
        Ok(reply) => {
            out.push_str("{\"data\":");
            match format {
                Format::JsonText => tree::quote(&reply.text, out),
                _ => tree::json(&reply.tree, style, out),
            }
            out.push_str(",\"status\":\"success\",\"message\":");
            tree::quote(&reply.message, out);
            if request.method == "GET" {
                out.push_str(",\"CSRFToken\":\"5a1f60c3e97b42d8a06f1be4c2793d58\"");
            }
        }
        Err(message) => {
            out.push_str("{\"status\":\"fail\",\"message\":");
            tree::quote(message, out);
        }
    }
    if style.unknown_keys {
        out.push_str(",\"somethingNewer\":[{}]");
    }
    out.push('}');
}

fn envelope_xml(reply: &Result<Reply, String>, format: Format, style: Style, out: &mut String) {
    out.push_str("<rsp>");
    match reply {
        Ok(reply) => {
            match format {
                Format::XmlText => tree::xml("data", &text(reply.text.as_str()), style, out),
                _ => tree::xml("data", &reply.tree, style, out),
            }
            tree::xml("succ", &text(reply.message.as_str()), style, out);
        }
        Err(message) => tree::xml("fail", &text(message.as_str()), style, out),
    }
    out.push_str("</rsp>");
}

fn html(page: &str) -> String {
    let page = tree::escape(page);
    format!("<!DOCTYPE html><html><head><title>PowerMTA web monitor</title></head><body>{page}</body></html>")
}
