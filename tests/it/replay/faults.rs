//! Runs every recorded scenario on faulty connections. With replies in pieces of any size it
//! passes. If a connection is cut, stalls or is refused, it gets an error of the right kind.
//!
//! Each test replays one scenario from the recordings of all engines. The first replay, byte by
//! byte, measures how many bytes of each reply the client reads: if fewer bytes come, the client
//! must report an error.
//!
//! Long replies are cut at a few positions only. They depend on the number of the request and on a
//! seed, which is the position of the recording in the list of the scenario's recordings. A failure
//! prints the fault and the seed; `FAULT_SEED=number` sets the seed of all recordings.

mod run;

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};
use std::time::Duration;

use engine_api::{Docker, ErrorKind, Result, Timeouts};
use engine_fixtures::faults::{Fault, ReplyStats};
use engine_fixtures::recording::Framing;
use engine_fixtures::{Recording, recordings_dir};

use run::{Outcome, Run, run, run_for};

/// A scenario, as [`tests::for_each_scenario`] lists them.
type Scenario = fn(Docker) -> std::pin::Pin<Box<dyn Future<Output = Result<()>>>>;

macro_rules! faulty {
    ($($module:ident { $($name:ident $([$tag:ident])?)* })*) => {$(
        mod $module {
            $(#[test]
            fn $name() {
                let name = concat!(stringify!($module), "/", stringify!($name));
                super::survives(name, |docker| Box::pin(tests::scenarios::$module::$name(docker)));
            })*
        }
    )*};
}

tests::for_each_scenario!(faulty);

/// If all replies of a scenario have at most so many bytes together, they are cut at every byte,
/// and stall at every second one.
const SMALL: usize = 600;

/// The environment variable that sets the seed of all recordings.
const SEED: &str = "FAULT_SEED";

fn survives(name: &str, scenario: Scenario) {
    for (index, path) in recordings_of(name).iter().enumerate() {
        let seed = std::env::var(SEED).map_or(index, |seed| seed.parse().expect(SEED));
        Case::new(path, scenario, seed).check();
    }
}

/// The recordings of a scenario, one of each engine.
fn recordings_of(name: &str) -> Vec<PathBuf> {
    let engines = std::fs::read_dir(recordings_dir()).unwrap();
    let paths = engines.map(|engine| engine.unwrap().path().join(format!("{name}.json")));
    let mut paths: Vec<_> = paths.filter(|path| path.is_file()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "{name} was never recorded");
    paths
}

/// A scenario and a recording of it.
struct Case {
    file: String,
    recording: Recording,
    scenario: Scenario,
    /// Selects the positions where long replies are cut.
    seed: usize,
}

/// The recording and the seed of a case, as a failure prints them.
impl Display for Case {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{} with {SEED}={}", self.file, self.seed)
    }
}

impl Case {
    fn new(path: &Path, scenario: Scenario, seed: usize) -> Self {
        let file = path.strip_prefix(recordings_dir()).unwrap().display().to_string();
        Self {
            file,
            recording: Recording::load(path).unwrap(),
            scenario,
            seed,
        }
    }

    fn check(&self) {
        let replies = self.passes(Fault::Pieces(1));
        for fault in [
            Fault::Together,
            Fault::Random(1),
            Fault::Random(2),
            Fault::CloseAfterReply,
        ] {
            self.passes(fault);
        }
        let bytes: usize = replies.iter().map(|reply| reply.bytes).sum();
        let read = replies.iter().zip(1..).filter(|(reply, _)| reply.bytes > 0);
        for (reply, request) in read {
            self.meets_all(reply, request, bytes <= SMALL);
        }
    }

    fn meets_all(&self, reply: &ReplyStats, request: usize, every: bool) {
        self.request_fails(reply, Fault::Refuse(request));
        self.request_fails(reply, Fault::Reset(request));
        let positions: Vec<usize> = match every {
            true => (0..reply.bytes).collect(),
            false => self.positions(reply, request),
        };
        for at in &positions {
            self.cut(reply, request, *at);
        }
        for at in positions.iter().skip(request % 2).step_by(2) {
            self.stall(reply, request, *at);
        }
    }

    fn run(&self, fault: Fault) -> Run {
        run(&self.recording, fault, self.scenario)
    }

    fn passes(&self, fault: Fault) -> Vec<ReplyStats> {
        let run = self.run(fault);
        assert!(run.passed(), "{self}, {fault:?}: {run:?}");
        run.replies
    }

    /// Before the first byte, before the last one, and one position each in the head and the body.
    fn positions(&self, reply: &ReplyStats, request: usize) -> Vec<usize> {
        let somewhere = self.seed * 7919 + request * 31;
        let (head, body) = (reply.head.max(1), reply.bytes.saturating_sub(reply.head).max(1));
        let mut all = vec![
            0,
            somewhere % head,
            head + somewhere % body,
            reply.bytes.saturating_sub(1),
        ];
        all.retain(|at| *at < reply.bytes);
        all.sort_unstable();
        all.dedup();
        all
    }

    fn request_fails(&self, reply: &ReplyStats, fault: Fault) {
        let run = self.run(fault);
        // A request that was certainly not sent may be sent again.
        let reported = run.failed_with(&[ErrorKind::Disconnected, ErrorKind::Unreachable]);
        assert!(reported || run.passed(), "{self}, {fault:?}: {reply:?}: {run:?}");
    }

    fn cut(&self, reply: &ReplyStats, request: usize, at: usize) {
        let kinds = [ErrorKind::Disconnected, ErrorKind::Truncated];
        self.ends(reply, at, Fault::CutReply { request, at }, &kinds);
    }

    fn stall(&self, reply: &ReplyStats, request: usize, at: usize) {
        let stall = Fault::StallReply { request, at };
        self.ends(reply, at, stall, &[ErrorKind::Timeout]);
    }

    /// A reply ends too early, which the client must report as one of these kinds of errors.
    fn ends(&self, reply: &ReplyStats, at: usize, fault: Fault, kinds: &[ErrorKind]) {
        let run = self.run(fault);
        let reported =
            run.failed_with(kinds) || is_asked_again(reply, at, &run) || is_complete(reply, at, &run);
        assert!(reported, "{self}, {fault:?}: {reply:?}: {run:?}");
    }
}

/// Stalls each archive that a scenario downloads from each engine: around the ends of the head, of
/// the first header and of the first content, in the middle, and before the end.
fn stalls_are_errors(name: &str, scenario: Scenario, is_download: fn(&str) -> bool) {
    for path in recordings_of(name) {
        let case = Case::new(&path, scenario, 0);
        let replies = case.passes(Fault::None);
        let downloads = replies.iter().zip(1..).filter(|(reply, _)| {
            reply.status == 200 && reply.request.starts_with("GET ") && is_download(&reply.request)
        });
        let downloads: Vec<_> = downloads.collect();
        assert!(!downloads.is_empty(), "{case}");
        for (reply, request) in downloads {
            let (head, all) = (reply.head, reply.bytes);
            let blocks = [0, 512, 1024].map(|block| head + block);
            let mut stalls: Vec<usize> = [1, head / 2, head + all.saturating_sub(head) / 2, all]
                .into_iter()
                .chain(blocks)
                .flat_map(|at| [at.saturating_sub(1), at, at + 1])
                .filter(|at| *at < all)
                .collect();
            stalls.sort_unstable();
            stalls.dedup();
            for at in stalls {
                let run = case.run(Fault::StallReply { request, at });
                let reported = run.failed_with(&[ErrorKind::Timeout]);
                assert!(reported, "{case}, stalled at {at}: {reply:?}: {run:?}");
            }
        }
    }
}

#[test]
fn stalled_archive_is_an_error_while_unpacking() {
    let scenario: Scenario = |docker| Box::pin(tests::scenarios::containers::files(docker));
    stalls_are_errors("containers/files", scenario, |request| {
        request.ends_with("/archive")
    });
}

#[test]
fn stalled_export_is_an_error() {
    let scenario: Scenario = |docker| Box::pin(tests::scenarios::containers::export(docker));
    stalls_are_errors("containers/export", scenario, |request| {
        request.ends_with("/export")
    });
}

#[test]
fn stalled_image_save_is_an_error() {
    let scenario: Scenario = |docker| Box::pin(tests::scenarios::images::transfer(docker));
    stalls_are_errors("images/transfer", scenario, |request| request.ends_with("/get"));
}

#[test]
fn endless_unpacking_is_found() {
    let endless: Scenario = |docker| {
        let never = Timeouts {
            connect: None,
            head: None,
            idle: None,
            total: None,
        };
        Box::pin(tests::scenarios::containers::files(docker.with_timeouts(never)))
    };
    let path = recordings_dir().join("docker-28/containers/files.json");
    let case = Case::new(&path, endless, 0);
    let replies = case.passes(Fault::None);
    let archive = |reply: &ReplyStats| {
        reply.status == 200 && reply.request.starts_with("GET ") && reply.request.ends_with("/archive")
    };
    let request = replies.iter().position(archive).unwrap() + 1;
    let at = replies[request - 1].head + 600;
    let run = run_for(
        Duration::ZERO,
        &case.recording,
        Fault::StallReply { request, at },
        endless,
    );
    assert!(matches!(run.outcome, Outcome::Hang), "{run:?}");
}

#[test]
fn scenario_that_hides_an_error_is_found() {
    let hides: Scenario = |docker| {
        Box::pin(async move {
            for _ in 0..2 {
                drop(docker.system().events(Default::default()).await);
            }
            Ok(())
        })
    };
    let path = recordings_dir().join("docker-28/system/events.json");
    let case = Case::new(&path, hides, 0);
    let run = case.run(Fault::CutReply { request: 1, at: 9 });
    assert!(
        !run.failed_with(&[ErrorKind::Disconnected]) && !run.passed(),
        "{run:?}"
    );
}

/// Whether the client sent the request again, as it may if no byte of the reply came. A recording
/// has a second reply only for a poll, and the state that ends the poll may have been in the lost
/// reply.
fn is_asked_again(reply: &ReplyStats, at: usize, run: &Run) -> bool {
    if let Some(path) = reply.request.strip_prefix("HEAD /_ping") {
        // The client falls back to GET.
        return path.is_empty() && run.contains("replay: no recorded exchange matches GET /_ping");
    }
    let harmless = reply.request.starts_with("GET ") || reply.request.starts_with("HEAD ");
    let refused = format!("replay: no recorded exchange matches {}", reply.request);
    harmless && at == 0 && (run.passed() || run.contains(&refused) || matches!(run.outcome, Outcome::Hang))
}

/// Whether the bytes that came are enough: the body of an error whose status is known, or a stream
/// that ends with its connection. The tests of `log_frames` and `hijack` cover where such a stream
/// may end.
fn is_complete(reply: &ReplyStats, at: usize, run: &Run) -> bool {
    let enough = reply.status >= 400 || reply.framing == Framing::Close;
    enough && at >= reply.head && !matches!(run.outcome, Outcome::Hang)
}
