//! TERM, INT and HUP end a command in order: it reads no further, and what it has done is kept and written.
//!
//! The second signal ends it as any other program.

use std::io::{self, Read};
#[cfg(unix)]
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicI32, Ordering};

use anyhow::{Context, Result};

/// The signal that came; 0 before.
static CAME: AtomicI32 = AtomicI32::new(0);
/// The two ends of the pipe by which a signal wakes whoever waits for input; -1 where nobody watches.
static WAKES: AtomicI32 = AtomicI32::new(-1);
static WOKEN: AtomicI32 = AtomicI32::new(-1);

/// Whether the command is to end.
pub(crate) fn came() -> bool {
    CAME.load(Ordering::Relaxed) != 0
}

/// From now on a signal that would end the command has it end in order.
#[cfg(unix)]
#[allow(unsafe_code, reason = "signals and pipes are taken from libc")]
pub(crate) fn watch() -> Result<()> {
    let mut ends = [-1; 2];
    // SAFETY: the array has room for the two descriptors.
    if unsafe { libc::pipe(ends.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error()).context("a pipe for signals");
    }
    for end in ends {
        // SAFETY: takes numbers; neither end may be left to a child, or block the handler.
        unsafe {
            libc::fcntl(end, libc::F_SETFD, libc::FD_CLOEXEC);
            libc::fcntl(end, libc::F_SETFL, libc::O_NONBLOCK);
        }
    }
    WOKEN.store(ends[0], Ordering::Relaxed);
    WAKES.store(ends[1], Ordering::Relaxed);
    for signal in [libc::SIGTERM, libc::SIGINT, libc::SIGHUP] {
        // SAFETY: zeros are a valid action, and the handler does only what a handler may.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = wake as extern "C" fn(libc::c_int) as usize;
            // Whatever else is under way goes on; a second signal finds what was there before.
            action.sa_flags = libc::SA_RESTART | libc::SA_RESETHAND;
            let mut before: libc::sigaction = std::mem::zeroed();
            libc::sigaction(signal, std::ptr::null(), &raw mut before);
            // What the caller had ignored (`nohup`) stays so.
            if before.sa_sigaction != libc::SIG_IGN {
                libc::sigaction(signal, &raw const action, std::ptr::null_mut());
            }
        }
    }
    Ok(())
}

#[cfg(not(unix))]
pub(crate) fn watch() -> Result<()> {
    Ok(())
}

#[cfg(unix)]
#[allow(unsafe_code, reason = "a handler may do no more than this")]
extern "C" fn wake(signal: libc::c_int) {
    CAME.store(signal, Ordering::Relaxed);
    // SAFETY: the byte lives for the call; a pipe that is full has woken already.
    unsafe {
        libc::write(WAKES.load(Ordering::Relaxed), [0u8].as_ptr().cast(), 1);
    }
}

/// Ends the process by the signal that came, so that whoever started it learns of that; does nothing where none came.
#[cfg(unix)]
#[allow(unsafe_code, reason = "the default action of a signal is set and taken through libc")]
pub(crate) fn end() {
    let signal = CAME.load(Ordering::Relaxed);
    if signal != 0 {
        // SAFETY: both take numbers, and the handler of ours has done its work.
        unsafe {
            libc::signal(signal, libc::SIG_DFL);
            libc::raise(signal);
        }
    }
}

#[cfg(not(unix))]
pub(crate) fn end() {}

/// Input that is at its end once a signal came.
pub(crate) struct Watched<R>(pub(crate) R);

#[cfg(unix)]
impl<R: Read + AsRawFd> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            if came() {
                return Ok(0);
            }
            wait(self.0.as_raw_fd(), WOKEN.load(Ordering::Relaxed));
            if came() {
                return Ok(0);
            }
            match self.0.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => return read,
            }
        }
    }
}

#[cfg(not(unix))]
impl<R: Read> Read for Watched<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

/// Waits for input or a signal. What goes wrong here goes wrong again where it is read.
#[cfg(unix)]
#[allow(unsafe_code, reason = "a wait for two descriptors is taken from libc")]
fn wait(input: i32, woken: i32) {
    let wanted = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
    let mut both = [wanted(input), wanted(woken)];
    // SAFETY: the array lives for the call; a negative descriptor is passed over.
    unsafe {
        libc::poll(both.as_mut_ptr(), both.len() as libc::nfds_t, -1);
    }
}
