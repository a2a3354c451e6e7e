//! A scripted web monitor on loopback, for the tests. It knows none of the readers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// What arrived: the first line, the headers in small letters, the body.
#[derive(Debug, Clone, Default)]
pub struct Request {
    pub line: String,
    pub headers: String,
    pub body: String,
    pub over_tls: bool,
}

pub enum Reply {
    /// Status code, extra header lines, body.
    Answer(u16, String, String),
    /// These bytes as they are, then the end.
    Raw(String),
    /// These bytes, then nothing until the other side has gone.
    Hang(String),
}

impl Reply {
    pub fn ok(body: impl Into<String>) -> Reply {
        Reply::Answer(200, String::new(), body.into())
    }

    pub fn code(code: u16) -> Reply {
        Reply::Answer(code, String::new(), "<html>no</html>".to_owned())
    }
}

pub struct Stage {
    pub port: u16,
    heard: Arc<Mutex<Vec<Request>>>,
}

type Script = dyn Fn(&Request) -> Reply + Send + Sync;

impl Stage {
    pub fn new(script: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Stage {
        Stage::with_tls(None, script)
    }

    /// Both schemes on one port, as PowerMTA does it.
    pub fn with_tls(
        tls: Option<Arc<rustls::ServerConfig>>,
        script: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Stage {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (heard, script): (Arc<Mutex<Vec<Request>>>, Arc<Script>) = (Arc::default(), Arc::new(script));
        let kept = Arc::clone(&heard);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (heard, script, tls) = (Arc::clone(&kept), Arc::clone(&script), tls.clone());
                thread::spawn(move || serve(stream, tls, &heard, &*script));
            }
        });
        Stage { port, heard }
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn heard(&self) -> Vec<Request> {
        self.heard.lock().unwrap().clone()
    }

    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.heard().into_iter().map(|request| request.line).collect();
        lines.sort();
        lines
    }

    pub fn forget(&self) {
        self.heard.lock().unwrap().clear();
    }
}

trait Wire: Read + Write {}
impl<T: Read + Write> Wire for T {}

fn serve(
    stream: TcpStream,
    tls: Option<Arc<rustls::ServerConfig>>,
    heard: &Mutex<Vec<Request>>,
    script: &Script,
) {
    let mut first = [0];
    let over_tls = stream.peek(&mut first).is_ok() && first == [0x16];
    let mut wire: Box<dyn Wire> = match tls {
        Some(tls) if over_tls => {
            let connection = rustls::ServerConnection::new(tls).unwrap();
            Box::new(rustls::StreamOwned::new(connection, stream))
        }
        _ => Box::new(stream),
    };
    let Some(mut request) = hear(&mut wire) else { return };
    request.over_tls = over_tls;
    heard.lock().unwrap().push(request.clone());
    let (text, hang) = match script(&request) {
        Reply::Answer(code, headers, body) => {
            (format!("HTTP/1.1 {code} x\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len()), false)
        }
        Reply::Raw(text) => (text, false),
        Reply::Hang(text) => (text, true),
    };
    let _ = wire.write_all(text.as_bytes()).and_then(|()| wire.flush());
    if hang {
        let _ = wire.read_to_end(&mut Vec::new());
    }
}

fn hear(wire: &mut dyn Wire) -> Option<Request> {
    let (mut text, mut byte) = (Vec::new(), [0]);
    while !text.ends_with(b"\r\n\r\n") {
        wire.read_exact(&mut byte).ok()?;
        text.push(byte[0]);
    }
    let text = String::from_utf8(text).unwrap();
    let (line, headers) = text.split_once("\r\n").unwrap();
    let headers = headers.to_lowercase();
    let length = headers
        .split("content-length: ")
        .nth(1)
        .map_or(0, |rest| rest.lines().next().unwrap().parse().unwrap());
    let mut body = vec![0; length];
    wire.read_exact(&mut body).ok()?;
    Some(Request { line: line.to_owned(), headers, body: String::from_utf8(body).unwrap(), over_tls: false })
}
