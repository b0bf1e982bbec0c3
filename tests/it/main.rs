//! Tests that need neither an engine nor a network: a scripted engine takes the place of a real
//! one, or a recording does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // helpers are tests, too

mod authority; // certificates for tests of TLS
mod support; // helpers of several modules

/// One request and its reply, and the connections below them.
mod wire {
    mod blocking; // programs without an async runtime
    pub(crate) mod call_timeouts; // the timeouts of a call, on the paused clock
    pub(crate) mod dropped_calls; // calls, bodies and streams dropped halfway leave nothing behind
    mod hostile; // callers that pass on foreign text, engines that attack the client
    mod http_proxy; // engines behind an HTTP proxy
    mod identity; // the user agent, headers, and keys to detach of a client
    pub(crate) mod json_values; // values that are null, absent, unknown or invalid
    pub(crate) mod keep_alive; // connections are reused, and no request is sent twice
    mod observer; // the report of each call
    pub(crate) mod path_names; // names that would change the path are rejected or escaped
    mod proxies; // proxies that refuse a part of the API
    mod raw_calls; // streamed bodies, and connections taken over
    pub(crate) mod reply_limits; // replies without end stop at a limit
    pub(crate) mod response_head; // replies whose head is unusual, invalid or endless
    pub(crate) mod runtimes; // one client in several Tokio runtimes
    mod ssh; // connections through ssh
    pub(crate) mod stream_timeouts; // the timeouts after the head of a reply, on the paused clock
    pub(crate) mod tls; // both sides show their certificates
    mod transports; // abstract sockets, IPv6 zones, idle connections
    pub(crate) mod version_negotiation; // which API version the client uses
}

/// Errors, and what they show.
mod errors {
    mod bad_input; // the list of invalid input from callers and engines, with the tests of the rest
    mod client_bugs; // twelve situations that two widely used clients get wrong
    pub(crate) mod error_replies; // every status that is not a success, and the error of the caller
    mod secret_redaction; // secrets appear in no error and in no Debug text
    mod version_conflict; // an update of an object that has changed is repeated, but not for ever
}

/// Replies that come in pieces over time, and connections that both sides write to.
mod streams {
    mod events; // events that go on after a lost connection
    mod hijack; // hijacked connections: both directions, half-close, bytes that come together with the head
    pub(crate) mod json_stream; // JSON values one after the other, in pieces of any size
    pub(crate) mod log_frames; // frames of stdout and stderr, and output that was cut
}

mod containers {
    mod endpoint; // published ports of engines on other machines
    mod run; // commands and containers run to their end in one call
    mod run_pulls; // when `run` pulls its image, and the guard of temporary containers
}

mod images {
    pub(crate) mod build_context; // build contexts from files that change or cannot be read
    pub(crate) mod build_session; // builds in a session that fail before the engine builds
    mod dockerignore; // which files of a directory are sent to a build
    mod progress; // failures inside a stream of progress
    mod pull; // which failed pulls are retried
    pub(crate) mod upload; // archives sent to an engine that may reply early
}

/// Recordings of real engines.
mod replay {
    mod cluster; // swarms of more than one engine
    mod faults; // every scenario on connections that are cut, stalled or refused
    mod foreign_clients; // recordings of programs that are not ours
    mod isolation; // the scenarios of the docker engine of `isolation`
    mod podman_differences; // every difference that engine-api/PODMAN.md lists is recorded
    mod recordings; // every operation is recorded, and our types lose no key
    mod scenarios; // every scenario, from each engine it was recorded on
    mod slow_engine; // engines that take their time, on the paused clock
}

/// The engine in memory (`fake-engine`).
mod fake_engine {
    mod compared_with_docker; // its replies are those of Docker 28
    mod containers; // stop, wait, ports, health and memory
    mod faults; // a lost connection, faults, programs
    mod hijack; // attach and exec, byte for byte
    mod images; // pull and remove
    mod removal; // concurrent removals, and removals in the background
}

mod isolation {
    #[cfg(unix)]
    mod another_daemon; // two daemons on sockets: migrations, and a pause that gc ends
    mod attached; // the main process with its streams, restarted
    mod buildkit; // builds in a session, on a scripted engine
    mod bundle; // bundles contain no secret
    #[cfg(unix)]
    mod collected; // what the collection and a removal by name find
    mod configuration; // what the keys of a configuration do, on the fake engine
    mod creation_bundles; // bundles of failed creations
    mod cut_logs; // logs whose connection is cut, or of a daemon of another machine
    mod daemon_differences; // an init program, logs, files of other machines, names on networks
    mod default_limits; // default limits without a question to the daemon, on the fake engine
    mod diagnoses; // the causes of recorded failures
    mod disk_limits; // disk limits: enforced or measured
    mod docker_engine; // the docker engine on the fake engine: an error at any point leaves nothing behind
    mod environment_lock; // locks of environments in containers
    #[cfg(unix)]
    mod fork_notes; // what is noted on the disk while an environment is forked
    mod group_ends; // the time that services have to end
    #[cfg(unix)]
    mod group_files; // files of a group with contents of its own
    mod hanging; // a daemon that accepts connections and does not answer
    mod health; // when a ready service is noticed, and what a failed health check says
    #[cfg(target_os = "linux")]
    mod image_stores; // images of a daemon for the engine sandbox, and built images
    mod images; // the images of the docker engine: names, pulls, platforms, removal
    mod incremental_snapshots; // the second snapshot of a container
    #[cfg(unix)]
    mod kept_together; // several kept environments: all or none
    mod lifecycle; // the docker engine on the fake engine: stop, wait, open, and changes by others
    mod logs; // followed logs while the connection to the daemon is lost
    mod lost_connection; // connections to the daemon that end: of the owner, of the events
    mod made_anew; // containers that are made anew, and images for another platform
    #[cfg(unix)]
    mod migration_losses; // what a container loses on its way to this machine
    #[cfg(target_os = "linux")]
    mod migration_of_python; // interpreters that fail, and engines with paths of their own
    mod mounted_elsewhere; // a daemon of another machine: its mounts and its routes
    mod names; // names of environments, networks and volumes
    mod networks; // networks of the docker engine: their subnets, and who is on them
    mod noted; // what a killed process has noted, and another one removes
    #[cfg(unix)]
    mod own_configuration; // variables and credentials of the docker command
    mod past_events; // events that the daemon has stored
    mod patched_replies; // replies of the daemon with other facts than usual
    mod planted; // planted failures on the fake engine, and their causes
    mod pool; // environments that are prepared ahead
    mod pool_ends; // environments that are prepared while their image changes or the manager ends
    mod pool_misses; // why nothing that is prepared ahead is taken
    mod pulled_images; // what a pull of an image says
    mod rare_replies; // labels of others, images that are not saved, ports that are taken
    mod refusals; // calls of an environment that its daemon refuses
    mod refused_calls; // questions and changes that the daemon refuses
    mod refused_networks; // networks that are taken, or about which the daemon answers with an error
    mod refused_questions; // questions that the daemon refuses in the middle of a call
    mod refused_resources; // images and volumes about which the daemon answers with an error
    #[cfg(target_os = "linux")]
    mod registry_tls; // images of the engine sandbox from a registry with TLS
    mod removals; // removals that the daemon refuses at first
    mod renamed; // containers that somebody else has renamed
    #[cfg(unix)]
    mod restored_elsewhere; // a snapshot of each engine on each other one
    mod rootless; // limits on a daemon without root
    #[cfg(unix)]
    mod shared_container; // one container for several managers
    mod shared_networks; // environments that have the network of another one
    #[cfg(unix)]
    mod state_walk; // random snapshots, forks, restores and migrations
    mod terminals; // sizes of terminals
    mod used_networks; // removals of environments whose network others have
    mod volume_archives; // archives of volumes that fail
    mod volumes; // volumes that belong to no environment, on the fake engine
    #[cfg(unix)]
    mod with_a_journal; // shared and kept environments, and pauses that a killed process has left
}
