//! The SMTP port: enough of a session for a probe (banner, EHLO, STARTTLS, QUIT). Takes no mail.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use crate::certificate::Certificate;
use crate::door::Serve;
use crate::faults::SmtpFault;
use crate::host::Shared;

pub(crate) fn server(shared: Arc<Shared>, certificate: Arc<Certificate>) -> Serve {
    Arc::new(move |stream| {
        // A client that goes away ends its own session only.
        let _ = serve(stream, &shared, &certificate);
    })
}

fn serve(mut stream: TcpStream, shared: &Shared, certificate: &Certificate) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let faults = shared.faults.smtp();
    if let Some(wait) = slow(&faults) {
        let began = Instant::now();
        while began.elapsed() < wait && !shared.stopping.load(Ordering::SeqCst) {
            thread::sleep(Duration::from_millis(5));
        }
    }
    if faults.contains(&SmtpFault::Busy) {
        return stream.write_all(b"421 mta.sender.example Too many connections, please try again later\r\n");
    }
    stream.write_all(b"220 mta.sender.example (PowerMTA(TM) v5.0r8) ESMTP service ready\r\n")?;
    let offer = Certificate::SPEAKS_TLS && !faults.contains(&SmtpFault::NoStartTls);
    let mail = match &faults {
        faults if faults.contains(&SmtpFault::NoRoom) => {
            "452 4.3.2 Server resources temporarily exhausted\r\n"
        }
        faults if faults.contains(&SmtpFault::Open) => "250 2.1.0 ok\r\n",
        _ => "530 5.7.1 relaying denied\r\n",
    };
    let (stream, starttls) = session(stream, offer, mail)?;
    if starttls {
        session(certificate.secure(stream)?, false, mail)?;
    }
    Ok(())
}

fn slow(faults: &[SmtpFault]) -> Option<Duration> {
    faults.iter().find_map(|fault| match fault {
        SmtpFault::SlowBanner(milliseconds) => Some(Duration::from_millis(*milliseconds)),
        _ => None,
    })
}

/// Answers commands until QUIT or STARTTLS; gives the stream back, and whether TLS comes next.
fn session<S: Read + Write>(stream: S, starttls: bool, mail: &'static str) -> io::Result<(S, bool)> {
    let mut stream = BufReader::new(stream);
    loop {
        let mut command = Vec::new();
        if stream.by_ref().take(4_096).read_until(b'\n', &mut command)? == 0 {
            return Ok((stream.into_inner(), false));
        }
        let command = String::from_utf8_lossy(&command).trim().to_ascii_uppercase();
        let answer = match command.split(' ').next().unwrap_or("") {
            "EHLO" if starttls => {
                "250-mta.sender.example says hello\r\n250-STARTTLS\r\n250-ENHANCEDSTATUSCODES\r\n\
                 250-PIPELINING\r\n250-CHUNKING\r\n250-8BITMIME\r\n250-SIZE 54525952\r\n250 DSN\r\n"
            }
            "EHLO" => {
                "250-mta.sender.example says hello\r\n250-ENHANCEDSTATUSCODES\r\n250-8BITMIME\r\n250 DSN\r\n"
            }
            "STARTTLS" if starttls => {
                stream.get_mut().write_all(b"220 2.0.0 ready to start TLS\r\n")?;
                return Ok((stream.into_inner(), true));
            }
            "HELO" | "NOOP" | "RSET" => "250 2.0.0 ok\r\n",
            "QUIT" => {
                stream.get_mut().write_all(b"221 2.0.0 mta.sender.example says goodbye\r\n")?;
                stream.get_mut().flush()?;
                return Ok((stream.into_inner(), false));
            }
            "MAIL" | "RCPT" => mail,
            _ => "500 5.5.1 command unrecognized\r\n",
        };
        stream.get_mut().write_all(answer.as_bytes())?;
        stream.get_mut().flush()?;
    }
}
