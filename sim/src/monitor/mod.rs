//! The web monitor: http and https on one port. Knows connections and faults; the pages are next door.

use std::io::{BufReader, Read, Write};
use std::net::{IpAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use crate::certificate::Certificate;
use crate::door::Serve;
use crate::faults::WebFault;
use crate::host::Shared;
use crate::options::Access;

mod access;
pub(crate) mod commands;
mod http;
mod lists;
mod pages;
pub mod status;
pub(crate) mod tree;
pub(crate) mod words;

pub(crate) use lists::fits;

/// What the web monitor does with a connection.
pub(crate) fn server(shared: Arc<Shared>, certificate: Arc<Certificate>) -> Serve {
    Arc::new(move |stream| {
        // A client that goes away, or talks nonsense, ends its own connection only.
        let _ = serve(stream, &shared, &certificate);
    })
}

fn serve(stream: TcpStream, shared: &Shared, certificate: &Certificate) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    stream.set_write_timeout(Some(Duration::from_secs(20)))?;
    stream.set_nodelay(true)?;
    let peer = stream.peer_addr()?.ip();
    let mut first = [0];
    // A TLS handshake begins with 22, an HTTP request with a letter.
    let tls = stream.peek(&mut first)? == 1 && first == [22];
    if tls {
        return converse(certificate.secure(stream)?, peer, true, shared);
    }
    converse(stream, peer, false, shared)
}

fn converse(stream: impl Read + Write, peer: IpAddr, tls: bool, shared: &Shared) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    while let Some(request) = http::read(&mut stream)? {
        shared.faults.note(&request.path);
        let faults = shared.faults.web();
        while shared.faults.web().contains(&WebFault::Silent) {
            if shared.stopping.load(Ordering::SeqCst) {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(20));
        }
        let answer = answer(&request, peer, tls, shared, &faults);
        let truncated = faults.contains(&WebFault::Truncated);
        let bytes = if truncated { answer.body.len() / 2 } else { answer.body.len() };
        http::write(stream.get_mut(), &answer, bytes)?;
        if truncated || !request.keep_alive() {
            break;
        }
    }
    Ok(())
}

fn answer(
    request: &http::Request,
    peer: IpAddr,
    tls: bool,
    shared: &Shared,
    faults: &[WebFault],
) -> http::Answer {
    let mut world = shared.world();
    let redirect = world.options.https_redirect || faults.contains(&WebFault::RedirectToHttps);
    if redirect && !tls {
        let host = format!("127.0.0.1:{}", world.http_port);
        let host = request.header("host").unwrap_or(&host);
        let parameters = request.parameters.iter().map(|(name, value)| format!("{name}={value}"));
        let query = parameters.collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        return http::Answer::redirect(format!("https://{host}{}{mark}{query}", request.path));
    }
    if faults.contains(&WebFault::ServerError) {
        return http::Answer::new(500, "text/html", "<html><body>Internal error</body></html>");
    }
    if faults.contains(&WebFault::Garbage) {
        return http::Answer::new(200, "application/json", "\u{1}%% not { what <you \"expect");
    }
    let mut access = access::right(&world.options, peer, request);
    if faults.contains(&WebFault::Forbidden) {
        access = Access::None;
    }
    if access == Access::None {
        let now = world.now;
        world.web_log.line(now, &format!("access denied from {peer} for {}", request.path));
        return http::Answer::new(403, "text/html", "<html><body>Access is forbidden.</body></html>");
    }
    pages::answer(&mut world, request, access, faults)
}

#[cfg(test)]
mod web_tests;
