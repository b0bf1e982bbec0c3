//! Commands on a terminal: `run -it`, `exec -it`, `shell`. The command runs on a pseudo terminal of
//! this test.

use std::fs::File;
use std::io::{Read, Write};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::engine::Memory;
use crate::support::Workspace;

/// How long something may take on a busy machine.
const LONG: Duration = Duration::from_secs(60);

/// A pseudo terminal, and what was written to it.
struct Terminal {
    keys: File,
    screen: Arc<Mutex<String>>,
    /// The end of the terminal that programs have.
    inner: File,
}

impl Terminal {
    fn open(rows: u16, columns: u16) -> Self {
        let outer = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&outer).unwrap();
        unlockpt(&outer).unwrap();
        let name = ptsname(&outer, Vec::new()).unwrap().into_string().unwrap();
        let inner = File::options().read(true).write(true).open(name).unwrap();
        let keys = File::from(outer);
        let (mut output, screen) = (keys.try_clone().unwrap(), Arc::new(Mutex::new(String::new())));
        let written = Arc::clone(&screen);
        // It ends when the last program closes the terminal.
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(count @ 1..) = output.read(&mut piece) {
                let text = String::from_utf8_lossy(&piece[..count]).into_owned();
                written.lock().unwrap().push_str(&text);
            }
        });
        let terminal = Self { keys, screen, inner };
        terminal.resize(rows, columns);
        terminal
    }

    fn resize(&self, rows: u16, columns: u16) {
        let size = Winsize {
            ws_row: rows,
            ws_col: columns,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&self.inner, size).unwrap();
    }

    fn start(&self, command: &mut Command) -> Started {
        let stream = || self.inner.try_clone().unwrap();
        let child = command.stdin(stream()).stdout(stream()).stderr(stream()).spawn();
        Started(child.unwrap())
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    fn screen(&self) -> String {
        self.screen.lock().unwrap().clone()
    }

    /// Waits until the text is on the screen.
    fn wait_for(&self, text: &str) {
        let began = Instant::now();
        while !self.screen().contains(text) {
            assert!(began.elapsed() < LONG, "{text:?} is missing: {:?}", self.screen());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Whether keys reach a program one by one.
    fn is_raw(&self) -> bool {
        let modes = tcgetattr(&self.inner).unwrap().local_modes;
        !modes.intersects(LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG)
    }

    fn wait_until_raw(&self) {
        let began = Instant::now();
        while !self.is_raw() {
            assert!(began.elapsed() < LONG, "not raw: {:?}", self.screen());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A running command, killed at the end of the test.
struct Started(Child);

impl Started {
    fn signal(&self, name: &str) {
        let sent = Command::new("kill")
            .args([format!("-{name}"), self.0.id().to_string()])
            .status();
        assert!(sent.unwrap().success());
    }

    fn code(&mut self) -> Option<i32> {
        self.0.wait().unwrap().code()
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A command of isolate that uses the engine in memory.
fn isolate(workspace: &Workspace, memory: &Memory, arguments: &[&str]) -> Command {
    let host = ["-q", "--host", &memory.address()];
    workspace.command(&[&host, arguments].concat())
}

#[test]
fn command_has_the_size_of_the_terminal() {
    let (workspace, memory, terminal) = (Workspace::new(), Memory::start(), Terminal::open(41, 123));
    let arguments = ["run", "-it", "--image", "busybox", "--", "stty", "size"];
    let mut started = terminal.start(&mut isolate(&workspace, &memory, &arguments));
    terminal.wait_for("41 123");
    assert_eq!(started.code(), Some(0));
    assert!(!terminal.is_raw());
}

#[test]
fn keys_reach_the_command_and_its_code_is_returned() {
    let (workspace, memory, mut terminal) = (Workspace::new(), Memory::start(), Terminal::open(24, 80));
    let arguments = ["run", "-i", "--tty", "--image", "busybox", "--", "cat"];
    let mut started = terminal.start(&mut isolate(&workspace, &memory, &arguments));
    terminal.wait_until_raw();
    terminal.press("hello\r");
    terminal.wait_for("hello");
    assert!(terminal.is_raw());
    terminal.press("\u{4}");
    started.code();
    assert!(!terminal.is_raw(), "{:?}", terminal.screen());
}

#[test]
fn mode_of_the_terminal_is_restored_after_a_signal() {
    for (signal, code) in [("TERM", 143), ("HUP", 129), ("INT", 130), ("QUIT", 131)] {
        let (workspace, memory, terminal) = (Workspace::new(), Memory::start(), Terminal::open(24, 80));
        let arguments = ["run", "-it", "--image", "busybox", "--", "sleep", "1000"];
        let mut started = terminal.start(&mut isolate(&workspace, &memory, &arguments));
        terminal.wait_until_raw();
        started.signal(signal);
        assert_eq!(started.code(), Some(code), "{:?}", terminal.screen());
        assert!(!terminal.is_raw(), "{signal}");
    }
}

#[test]
fn mode_of_the_terminal_is_restored_after_an_error() {
    let (workspace, memory, terminal) = (Workspace::new(), Memory::start(), Terminal::open(24, 80));
    let arguments = ["run", "-it", "--image", "busybox", "--", "sleep", "1000"];
    let mut started = terminal.start(&mut isolate(&workspace, &memory, &arguments));
    terminal.wait_until_raw();
    drop(memory);
    assert_eq!(started.code(), Some(125), "{:?}", terminal.screen());
    assert!(!terminal.is_raw(), "{:?}", terminal.screen());
}

#[test]
fn new_size_of_the_terminal_reaches_the_command() {
    let (workspace, memory, terminal) = (Workspace::new(), Memory::start(), Terminal::open(24, 80));
    let arguments = ["run", "-it", "--image", "busybox", "--", "sleep", "1000"];
    let started = terminal.start(&mut isolate(&workspace, &memory, &arguments));
    terminal.wait_until_raw();
    terminal.resize(50, 132);
    // The system sends it only to programs whose controlling terminal this is.
    started.signal("WINCH");
    let began = Instant::now();
    let resized = || {
        let requests = memory.engine.requests();
        requests.iter().any(|request| {
            let text = format!("{request:?}");
            text.contains("/resize") && text.contains("h=50") && text.contains("w=132")
        })
    };
    while !resized() {
        assert!(began.elapsed() < LONG, "{:?}", memory.engine.requests());
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn unused_terminal_is_reported_for_a_lone_program() {
    for (words, hint) in [
        (&["cat"][..], Some("-it connects it")),
        (&["-t", "cat"], Some("-i connects it")),
        (&["--stdin", "never", "cat"], None),
        (&["echo", "x"], None),
    ] {
        let (workspace, memory, terminal) = (Workspace::new(), Memory::start(), Terminal::open(24, 80));
        let host = memory.address();
        let arguments = [&["--host", &host, "run", "--image", "busybox"], words].concat();
        let mut started = terminal.start(&mut workspace.command(&arguments));
        assert_eq!(started.code(), Some(0), "{:?}", terminal.screen());
        match hint {
            Some(hint) => terminal.wait_for(hint),
            None => assert!(!terminal.screen().contains("connects it"), "{words:?}"),
        }
    }
}

#[test]
fn terminal_needs_one_on_standard_input() {
    let workspace = Workspace::new();
    for line in [
        &["run", "-it", "sh"][..],
        &["exec", "-it", "web", "sh"],
        &["shell", "web"],
        &["shell"],
    ] {
        let ended = workspace.isolate(line);
        assert_eq!(ended.code(), Some(125), "{line:?}");
        assert!(
            ended.stderr().contains("standard input is not a terminal"),
            "{line:?}: {}",
            ended.stderr()
        );
    }
    let ended = workspace.isolate(&["run", "--json", "-it", "sh"]);
    assert!(
        ended.stderr().contains("--json and a terminal"),
        "{}",
        ended.stderr()
    );
    let ended = workspace.isolate(&["shell", "web", "--image", "busybox"]);
    assert!(
        ended.stderr().contains("cannot be used with"),
        "{}",
        ended.stderr()
    );
}

#[test]
fn shell_on_basic_has_a_terminal_of_its_own() {
    let (workspace, mut terminal) = (Workspace::basic(), Terminal::open(41, 123));
    let mut started = terminal.start(&mut workspace.command(&["shell", "-e", "PS1=ready>"]));
    terminal.wait_until_raw();
    // The output differs from the typed text.
    terminal.press("echo size: $(stty size); sleep 1000 & wait; echo interrupted\r");
    terminal.wait_for("size: 41 123");
    terminal.resize(50, 132);
    started.signal("WINCH");
    terminal.press("\u{3}");
    terminal.press("echo again: $(stty size)\r");
    terminal.wait_for("again: 50 132");
    terminal.press("exit 7\r");
    assert_eq!(started.code(), Some(7), "{:?}", terminal.screen());
    assert!(!terminal.is_raw());
    assert!(workspace.left().is_empty(), "{:?}", workspace.left());
}
