//! A web monitor that costs next to nothing: it answers from memory, in one write, what a
//! simulated PowerMTA said before. So a race measures who asks, not who answers.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// Connections answered at the same time.
const DOORS: usize = 4;

/// Path of a page and its whole answer, head and all.
pub type Page = (&'static str, Vec<u8>);

/// One page's body, from whoever answers at `url`.
pub fn ask(url: &str, page: &str) -> Vec<u8> {
    let host = url.strip_prefix("http://").unwrap();
    let mut door = TcpStream::connect(host).unwrap();
    write!(door, "GET {page} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    door.read_to_end(&mut answer).unwrap();
    let head = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
    answer.split_off(head + 4)
}

/// An answer as PowerMTA sends it, over a connection that stays open or not.
pub fn answer(body: &[u8], keep_alive: bool) -> Vec<u8> {
    let close = if keep_alive { "" } else { "Connection: close\r\n" };
    let head = format!(
        "HTTP/1.1 200 OK\r\nServer: PowerMTA\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{close}\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// Serves the pages on loopback until the process ends, and gives the address.
pub fn serve(pages: Vec<Page>, keep_alive: bool) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let pages = Arc::new(pages);
    for _ in 0..DOORS {
        let (listener, pages) = (listener.try_clone().unwrap(), Arc::clone(&pages));
        thread::spawn(move || {
            while let Ok((guest, _)) = listener.accept() {
                let _ = attend(guest, &pages, keep_alive);
            }
        });
    }
    url
}

fn attend(mut guest: TcpStream, pages: &[Page], keep_alive: bool) -> std::io::Result<()> {
    guest.set_nodelay(true)?;
    let mut asked = Vec::new();
    let mut piece = [0; 4_096];
    loop {
        let got = guest.read(&mut piece)?;
        if got == 0 {
            return Ok(());
        }
        asked.extend_from_slice(&piece[..got]);
        if !asked.ends_with(b"\r\n\r\n") {
            continue;
        }
        let path = asked.strip_prefix(b"GET ").unwrap_or_default();
        let page = pages.iter().find(|(name, _)| path.starts_with(name.as_bytes()));
        guest.write_all(
            page.map_or(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", |(_, page)| page),
        )?;
        asked.clear();
        if !keep_alive {
            return Ok(());
        }
    }
}
