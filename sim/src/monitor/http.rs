//! As much of HTTP/1.1 as the web monitor needs: one request in, one answer out. Knows no page.

use std::io::{self, BufRead, Read, Write};

const MAX_BODY: u64 = 1 << 20;
const MAX_LINE: u64 = 16 << 10;

#[derive(Debug, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// From the URL and, for a form, from the body.
    pub parameters: Vec<(String, String)>,
    pub headers: Vec<(String, String)>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(parameter, _)| parameter == name).map(|(_, value)| value.as_str())
    }

    pub fn keep_alive(&self) -> bool {
        !self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }
}

#[derive(Debug)]
pub struct Answer {
    pub code: u16,
    pub content_type: &'static str,
    pub location: Option<String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn new(code: u16, content_type: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self { code, content_type, location: None, body: body.into() }
    }

    pub fn redirect(to: String) -> Self {
        let body = format!("<html><body>Moved: <a href=\"{to}\">{to}</a></body></html>");
        Self { location: Some(to), ..Self::new(302, "text/html", body) }
    }
}

/// The next request of a connection; `None` at its end.
pub fn read(from: &mut impl BufRead) -> io::Result<Option<Request>> {
    let first = line(from)?;
    let mut words = first.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(None) };
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method: method.to_owned(),
        path: decode(path),
        parameters: form(query),
        headers: Vec::new(),
    };
    loop {
        let header = line(from)?;
        if header.is_empty() || request.headers.len() > 100 {
            break;
        }
        if let Some((name, value)) = header.split_once(':') {
            request.headers.push((name.to_owned(), value.trim().to_owned()));
        }
    }
    let length = request.header("content-length").and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let mut body = Vec::new();
    from.take(length.min(MAX_BODY)).read_to_end(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let kind = request.header("content-type").unwrap_or("").to_owned();
    let more = match kind.split_once("boundary=") {
        Some((_, boundary)) => multipart(&body, boundary.trim_matches('"')),
        None => form(body.trim_end()),
    };
    request.parameters.extend(more);
    Ok(Some(request))
}

pub fn write(to: &mut impl Write, answer: &Answer, body_bytes: usize) -> io::Result<()> {
    let reason = match answer.code {
        200 => "OK",
        302 => "Found",
        400 => "Bad Request",
        403 => "Forbidden",
        404 => "Not Found",
        _ => "Internal Server Error",
    };
    let mut head = format!(
        "HTTP/1.1 {} {reason}\r\nServer: PowerMTA\r\nContent-Type: {}\r\nContent-Length: {}\r\n",
        answer.code,
        answer.content_type,
        answer.body.len()
    );
    if let Some(location) = &answer.location {
        head.push_str(&format!("Location: {location}\r\n"));
    }
    head.push_str("\r\n");
    let mut whole = head.into_bytes();
    whole.extend(answer.body.iter().take(body_bytes));
    to.write_all(&whole)?;
    to.flush()
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut bytes = Vec::new();
    from.take(MAX_LINE).read_until(b'\n', &mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).trim_end().to_owned())
}

fn form(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    pairs.map(|(name, value)| (decode(&name.replace('+', " ")), decode(&value.replace('+', " ")))).collect()
}

fn multipart(body: &str, boundary: &str) -> Vec<(String, String)> {
    let mark = format!("--{boundary}");
    let parts = body.split(&mark).filter_map(|part| part.split_once("\r\n\r\n"));
    let named = parts.filter_map(|(head, value)| {
        let name = head.split("name=\"").nth(1)?.split('"').next()?;
        Some((name.to_owned(), value.trim_end_matches("\r\n").to_owned()))
    });
    named.collect()
}

/// `%2F` -> `/`
fn decode(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        match (byte, digit(ahead.next()), digit(ahead.next())) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                bytes = ahead;
            }
            _ => out.push(byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_read_however_it_is_sent() {
        let boundary = "x1";
        let parts = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"command\"\r\n\r\nshow status\r\n--{boundary}--\r\n"
        );
        for (kind, body) in [
            ("application/x-www-form-urlencoded", "command=show+status"),
            ("application/x-www-form-urlencoded", "command=show%20status"),
            ("multipart/form-data; boundary=x1", parts.as_str()),
        ] {
            let raw = format!(
                "POST /command?format=json HTTP/1.1\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            let request = read(&mut raw.as_bytes()).unwrap().unwrap();
            assert_eq!(request.parameter("command"), Some("show status"), "{kind} {body}");
            assert_eq!(request.parameter("format"), Some("json"));
            assert_eq!((request.path.as_str(), request.method.as_str()), ("/command", "POST"));
        }
        assert!(read(&mut "".as_bytes()).unwrap().is_none());
    }
}
