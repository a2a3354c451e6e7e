//! The `pmta` command where there is no web monitor: started without a shell, read through a
//! cap, killed with everything it started when its time is up.

use super::body::{BodyError, Capped, clean};
use super::command::Line;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Instant;

/// The form that PowerMTA prints a tree in.
pub const DOM: Option<&str> = Some("--dom");
/// `show topqueues --errors` of some thousand queues.
const LONGEST_OUTPUT: u64 = 16 * 1024 * 1024;
const LONGEST_COMPLAINT: u64 = 4 * 1024;

#[derive(Debug, Clone, thiserror::Error)]
pub enum ChildError {
    #[error("there is no such command")]
    Missing,
    #[error("it cannot be started: {0}")]
    Start(String),
    #[error("it was killed: no end within its time")]
    Late,
    /// It ran and printed something else: usually a lack of rights.
    #[error("{0}")]
    Said(String),
    #[error(transparent)]
    Body(BodyError),
}

/// Runs `COMMAND [--dom] LINE` and hands its output to `parse`.
pub fn run<T: Send + 'static>(
    command: &Path,
    (form, line): (Option<&str>, &Line),
    until: Instant,
    parse: impl FnOnce(&mut Capped<ChildStdout>) -> Result<T, BodyError> + Send + 'static,
) -> Result<T, ChildError> {
    let mut asked = Command::new(command);
    asked.args(form).args(line.words());
    capture(asked, until, parse)
}

/// Runs any command that is ready for it and hands its output to `parse`.
pub fn capture<T: Send + 'static>(
    mut command: Command,
    until: Instant,
    parse: impl FnOnce(&mut Capped<ChildStdout>) -> Result<T, BodyError> + Send + 'static,
) -> Result<T, ChildError> {
    let mut child = command
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()
        .map_err(|why| match why.kind() {
            io::ErrorKind::NotFound => ChildError::Missing,
            _ => ChildError::Start(why.to_string()),
        })?;
    let (Some(output), Some(complaint)) = (child.stdout.take(), child.stderr.take()) else {
        end(&mut child);
        return Err(ChildError::Start("its output cannot be read".to_owned()));
    };
    let (tell, told) = mpsc::channel();
    let tell_complaint = tell.clone();
    // Detached: a grandchild that keeps the pipe open must not keep us.
    let readers = [
        detach(move || {
            let mut body = Capped::new(output, LONGEST_OUTPUT, Some(until));
            let _ = tell.send(Heard::Output(parse(&mut body)));
        }),
        detach(move || {
            let mut text = Vec::new();
            let _ = complaint.take(LONGEST_COMPLAINT).read_to_end(&mut text);
            let _ = tell_complaint.send(Heard::Complaint(String::from_utf8_lossy(&text).into_owned()));
        }),
    ];
    let heard = if readers.iter().all(|started| *started) { listen(&told, until) } else { None };
    end(&mut child);
    heard.unwrap_or(Err(ChildError::Late))
}

enum Heard<T> {
    Output(Result<T, BodyError>),
    Complaint(String),
}

/// Good output decides at once; without it, what the command complained about is the reason.
fn listen<T>(told: &mpsc::Receiver<Heard<T>>, until: Instant) -> Option<Result<T, ChildError>> {
    let (mut output, mut complaint) = (None, None);
    loop {
        match told.recv_timeout(until.saturating_duration_since(Instant::now())) {
            Ok(Heard::Output(Ok(page))) => return Some(Ok(page)),
            Ok(Heard::Output(Err(BodyError::Late))) => return None,
            Ok(Heard::Output(Err(why))) => output = Some(why),
            Ok(Heard::Complaint(text)) => complaint = Some(text),
            Err(mpsc::RecvTimeoutError::Timeout) => return output.map(|why| Err(ChildError::Body(why))),
            Err(mpsc::RecvTimeoutError::Disconnected) => return None,
        }
        if let (Some(why), Some(complaint)) = (&output, &complaint) {
            let silent = complaint.trim().is_empty();
            let reason =
                if silent { ChildError::Body(why.clone()) } else { ChildError::Said(clean(complaint)) };
            return Some(Err(reason));
        }
    }
}

fn end(child: &mut Child) {
    let group = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw);
    if let Some(group) = group {
        // It may have ended already; then there is nobody to kill.
        let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
    }
    let _ = child.kill();
    let _ = child.wait();
}

fn detach(work: impl FnOnce() + Send + 'static) -> bool {
    thread::Builder::new().name("pmta-command".to_owned()).spawn(work).is_ok()
}
