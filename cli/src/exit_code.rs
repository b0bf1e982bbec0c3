//! Exit codes, as `--help` and the README list them.

/// Success; for a check, the result is positive.
pub(crate) const SUCCESS: u8 = 0;
/// The result of a check is negative, or the Docker daemon replied with an error status.
pub(crate) const NO: u8 = 1;
/// The Docker daemon's replies differ from the recording.
pub(crate) const CHANGED: u8 = 2;
/// A replay has recorded exchanges that were not requested.
pub(crate) const UNUSED: u8 = 122;
/// A replay got a request that is not recorded.
pub(crate) const MISSED: u8 = 123;
/// The command was killed at its timeout, as `timeout` reports it.
pub(crate) const TIMED_OUT: u8 = 124;
/// An error of `isolate` itself, as `docker run` reports it.
pub(crate) const FAILED: u8 = 125;
/// The program exists but cannot be run, as shells report it.
pub(crate) const CANNOT_RUN: u8 = 126;
/// The program does not exist, as shells report it.
pub(crate) const NOT_FOUND: u8 = 127;

/// The list for `--help`.
pub(crate) const HELP: &str = "\
Exit codes:
  run, exec, shell, fixtures record and replay
                the command's own; 128+n if signal n ended it,
                126 if it cannot be run, 127 if it does not exist
  0             success; also if the reader of the output has closed it:
                isolate run -- yes | head -n 1
  1             gc: something could not be removed
                doctor: no Docker daemon answers and can enforce limits
                api: the Docker daemon replied with an error status
                fixtures check: a recording cannot be used
                fixtures diff: the recordings differ
  2             fixtures verify: the Docker daemon's replies have changed
  122           fixtures replay, --replay: recorded exchanges were not requested
  123           fixtures replay, --replay: a request is not recorded
  124           run, exec: timeout
  125           error of isolate itself: invalid arguments, no engine, no image …
  129 130 131 143
                ended by SIGHUP, SIGINT (Ctrl-C), SIGQUIT, SIGTERM, after cleanup";
