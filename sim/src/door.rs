//! A listening port that can be shut and opened again: the part the web monitor and the SMTP port share.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::options::SimError;

/// What a server does with one connection.
pub type Serve = Arc<dyn Fn(TcpStream) + Send + Sync>;

pub struct Door {
    port: u16,
    serve: Serve,
    open: Option<(Arc<AtomicBool>, JoinHandle<()>)>,
}

impl Door {
    /// A free port of loopback, or the one asked for; connections wait until `open`.
    pub fn listen(port: u16) -> Result<TcpListener, SimError> {
        TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|source| SimError::Port { port, source })
    }

    pub fn open(listener: TcpListener, serve: Serve) -> Result<Self, SimError> {
        let port = listener.local_addr().map_err(|source| SimError::Port { port: 0, source })?.port();
        let mut door = Self { port, serve, open: None };
        door.accept(listener);
        Ok(door)
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on connections are refused.
    pub fn shut(&mut self) {
        if let Some((stop, thread)) = self.open.take() {
            stop.store(true, Ordering::SeqCst);
            let here = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
            // Wakes the accepting thread; if that fails it is already gone.
            let _ = TcpStream::connect_timeout(&here, Duration::from_secs(1));
            let _ = thread.join();
        }
    }

    /// Listens on the same port again.
    pub fn reopen(&mut self) -> Result<(), SimError> {
        if self.open.is_none() {
            let listener = Self::listen(self.port)?;
            self.accept(listener);
        }
        Ok(())
    }

    fn accept(&mut self, listener: TcpListener) {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, serve) = (Arc::clone(&stop), Arc::clone(&self.serve));
        let thread = thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    break;
                }
                let (Ok(stream), serve) = (stream, Arc::clone(&serve)) else { continue };
                thread::spawn(move || serve(stream));
            }
        });
        self.open = Some((stop, thread));
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        self.shut();
    }
}
