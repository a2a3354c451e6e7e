//! A scripted web monitor on loopback and what a run made of it, for the tests. It knows none of
//! the readers.

use crate::config::{Config, Pmta};
use crate::record::{Delivery, Finding, LogLine, Notes, Sample, Sink, Tick};
use crate::sources::{Ask, Source, SourceError};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

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

/// One run of a source and everything that came of it.
pub struct Run {
    pub samples: Vec<Sample>,
    pub result: Result<(), SourceError>,
    pub notes: Notes,
    pub took: Duration,
}

impl Run {
    pub fn of(source: &dyn Source, pmta: Pmta, now: i64, notes: Notes, time: Duration) -> Run {
        let config = Config { pmta, ..Config::default() };
        Run::with(source, &config, now, notes, time)
    }

    pub fn with(source: &dyn Source, config: &Config, now: i64, mut notes: Notes, time: Duration) -> Run {
        let started = Instant::now();
        let tick = Tick { now_ns: now * 1_000_000_000, started, deadline: started + time };
        let mut heap = Heap(Vec::new());
        let mut ask = Ask { config, tick, memory: &mut notes, from_start: false };
        let result = source.collect(&mut ask, &mut heap);
        Run { samples: heap.0, result, notes, took: started.elapsed() }
    }

    pub fn names(&self) -> Vec<&'static str> {
        self.samples.iter().map(|sample| sample.measurement).collect()
    }

    pub fn why(&self) -> String {
        self.result.as_ref().unwrap_err().to_string()
    }
}

struct Heap(Vec<Sample>);

impl Sink for Heap {
    fn sample(&mut self, sample: Sample) {
        self.0.push(sample);
    }
    fn delivery(&mut self, _: &Delivery<'_>) {
        panic!("this source has none");
    }
    fn line(&mut self, _: &LogLine<'_>) {
        panic!("this source has none");
    }
    fn event(&mut self, _: Finding) {}
    fn watermark(&mut self, _: i64) {}
    fn enough(&self) -> bool {
        false
    }
}
