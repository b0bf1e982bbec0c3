//! Exit codes, as `--help` and the README list them.

/// All went well, and the answer, where there is one, is yes.
pub(crate) const SUCCESS: u8 = 0;
/// The answer is no: no engine that can do the work, an error status of the engine.
pub(crate) const NO: u8 = 1;
/// Engines have changed since they were recorded.
pub(crate) const DRIFT: u8 = 2;
/// Something was recorded that nobody asked for.
pub(crate) const UNUSED: u8 = 122;
/// Something was asked for that was not recorded.
pub(crate) const MISSED: u8 = 123;
/// The command was killed because its time was up, as `timeout` tells it.
pub(crate) const TIMED_OUT: u8 = 124;
/// `isolate` itself failed, as `docker run` tells it: no code of the command's own.
pub(crate) const FAILED: u8 = 125;

/// The list for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  run, fixtures record and replay
                the command's own; 128+n when signal n ended it,
                126 when it cannot be run, 127 when there is no such program
  0             success
  1             doctor: no engine that answers and can enforce limits;
                api: the engine answered with an error status
                fixtures check: a recording cannot be used
                fixtures diff: the recordings differ
  2             fixtures verify: the engine answers in another shape
  122           fixtures replay: not all that was recorded was asked for
  123           fixtures replay: something was asked for that was not recorded
  124           run: the time was up
  125           isolate itself failed: wrong arguments, no engine, no image …
  129 130 143   run: ended by SIGHUP, SIGINT (Ctrl-C), SIGTERM, all cleaned up";
