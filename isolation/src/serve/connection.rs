//! Reads the lines of a client, and starts a task for each request.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Map;
use tokio::io::AsyncRead;
use tokio::task::JoinSet;

use super::ServeOptions;
use super::answers::{Answers, object};
use super::calls;
use super::running::{Answered, Control, Running};
use super::session::Session;
use crate::error::{Error, ErrorKind, Result};
use crate::manager::registry::Registry;
use crate::protocol::VERSION;
use crate::protocol::answer::Welcome;
use crate::protocol::call::{Call, Hello};
use crate::protocol::faults;
use crate::protocol::line::{LineError, Lines};

/// The maximum number of running requests.
const REQUESTS: usize = 4096;

/// A connection with a client.
pub(super) struct Connection {
    registry: Registry,
    options: ServeOptions,
    answers: Answers,
    session: Option<Arc<Session>>,
    running: HashMap<u64, Running>,
    tasks: JoinSet<(u64, Answered)>,
}

impl Connection {
    pub(super) fn new(registry: Registry, options: ServeOptions, answers: Answers) -> Result<Self> {
        let registry = match &options.engine {
            Some(only) if only != "auto" => {
                let mut offered = Registry::new();
                offered.register_shared(registry.get(only)?)?;
                offered
            }
            _ => registry,
        };
        Ok(Self {
            registry,
            options,
            answers,
            session: None,
            running: HashMap::new(),
            tasks: JoinSet::new(),
        })
    }

    /// Reads until the end of the input, or until a line that violates the protocol.
    pub(super) async fn read(&mut self, lines: &mut Lines<impl AsyncRead + Unpin>) -> Result<()> {
        loop {
            let read = tokio::select! {
                line = lines.next() => match line {
                    Ok(None) => return Ok(()),
                    Ok(Some(line)) => self.handle(&line).await,
                    Err(LineError::Read(error)) => Err(Error::invalid(format!("its requests cannot be read: {error}"))),
                    Err(error) => Err(Error::invalid(error.to_string())),
                },
                Some(ended) = self.tasks.join_next() => match ended {
                    Ok((id, task)) => {
                        self.forget(id, &task);
                        Ok(())
                    }
                    Err(error) => Err(Error::engine_with_kind("serve", ErrorKind::Engine, error)),
                },
            };
            if let Err(error) = read {
                let error = error.during("serve the client", "");
                // The error is returned, even if it cannot be sent to the client.
                let _ = self.answers.fail(None, &error).await;
                return Err(error);
            }
        }
    }

    /// Removes a request whose task has ended. The client may have used its ID again.
    fn forget(&mut self, id: u64, task: &Answered) {
        if self.running.get(&id).is_some_and(|running| running.is_of(task)) {
            self.running.remove(&id);
        }
    }

    /// Ends every request and destroys the environments.
    pub(super) async fn end(self) -> Result<()> {
        let Self {
            session,
            running,
            mut tasks,
            ..
        } = self;
        drop(running);
        tasks.shutdown().await;
        match session {
            Some(session) => session.end().await,
            None => Ok(()),
        }
    }

    /// Handles a line. An error ends the connection.
    async fn handle(&mut self, line: &[u8]) -> Result<()> {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let request = match faults::request(line) {
            Ok(request) => request,
            // Without an ID, no answer is possible, and the connection ends.
            Err((None, error)) => return Err(error),
            Err((Some(id), error)) => return self.answers.fail(Some(id), &error).await,
        };
        match (request.id, request.call) {
            (_, Call::Cancel(note)) => drop(self.running.remove(&note.request)),
            (_, Call::More(note)) => {
                if let Some(running) = self.running.get(&note.request) {
                    running.more(note.bytes);
                }
            }
            (_, Call::EndInput(note)) => {
                if let Some(running) = self.running.get(&note.request) {
                    running.end_input();
                }
            }
            (_, Call::Input(note)) => {
                let bytes = note.data.into_bytes()?;
                let running = self.running.get(&note.request);
                if !running.is_none_or(|running| running.input(bytes)) {
                    let text = "more input was sent than `more` allows";
                    return Err(Error::invalid(text));
                }
            }
            (None, _) => return Err(Error::invalid("the request has no ID; add one")),
            (Some(id), _) if self.running.get(&id).is_some_and(|one| !one.is_answered()) => {
                let text = format!("the ID {id} belongs to a request under way; use another");
                return Err(Error::invalid(text));
            }
            (Some(id), call) => self.begin(id, call).await?,
        }
        Ok(())
    }

    async fn begin(&mut self, id: u64, call: Call) -> Result<()> {
        let answers = self.answers.clone();
        let session = match (call, &self.session) {
            (Call::Hello(hello), None) => {
                let welcome = self.welcome(&hello);
                return answers.end(id, welcome).await;
            }
            (Call::Hello(_), Some(_)) => {
                let error = Error::invalid("`hello` was sent before");
                return answers.fail(Some(id), &error).await;
            }
            (_, None) => {
                let error = Error::new(ErrorKind::InvalidInput, "the first request must be `hello`");
                return answers.fail(Some(id), &error).await;
            }
            (Call::Signal(send), Some(_)) => {
                return self.control(id, send.request, Control::Signal(send.signal)).await;
            }
            (Call::Resize(resize), Some(_)) => {
                return self
                    .control(id, resize.request, Control::Resize(resize.size))
                    .await;
            }
            (_, Some(_)) if self.running.len() >= REQUESTS => {
                let text = format!("{REQUESTS} requests are under way; wait for one of them");
                return answers
                    .fail(Some(id), &Error::new(ErrorKind::Conflict, text))
                    .await;
            }
            (call, Some(session)) => (Arc::clone(session), call),
        };
        let (session, call) = session;
        let (running, cancelled, mut stream) = Running::new(&call);
        let answered = running.answered();
        self.running.insert(id, running);
        self.tasks.spawn(async move {
            let outcome = tokio::select! {
                biased;
                outcome = calls::run(&session, id, call, stream.as_mut(), &answers) => outcome,
                _ = cancelled => Err(Error::new(ErrorKind::Cancelled, "the request was cancelled")),
            };
            // The reader of the connection notices that the client has disconnected.
            if let Some(mut stream) = stream {
                // A late signal has no effect.
                stream.controls.close();
                let mut late: Vec<u64> = stream.handling.take().into_iter().collect();
                while let Some((reply, _)) = stream.controls.recv().await {
                    late.push(reply);
                }
                for reply in late {
                    let _ = answers.end(reply, Ok(Map::new())).await;
                }
            }
            answered.set();
            let _ = answers.end(id, outcome).await;
            (id, answered)
        });
        Ok(())
    }

    /// Passes a signal or a size on to a command. If the command has exited, it is ignored.
    async fn control(&mut self, id: u64, request: u64, control: Control) -> Result<()> {
        let taken = match self.running.get(&request) {
            Some(running) => running.control(id, control),
            None => Ok(false),
        };
        match taken {
            Ok(true) => Ok(()),
            Ok(false) => self.answers.end(id, Ok(Map::new())).await,
            Err(error) => self.answers.fail(Some(id), &error).await,
        }
    }

    fn welcome(&mut self, hello: &Hello) -> Result<Map<String, serde_json::Value>> {
        if !hello.versions.contains(&VERSION) {
            let text = format!(
                "the client speaks the versions {:?} of the protocol, and this program only {VERSION}; update \
                 the older one",
                hello.versions
            );
            return Err(Error::new(ErrorKind::Unsupported, text));
        }
        let registry = std::mem::take(&mut self.registry);
        let engines = registry
            .engines()
            .map(|engine| engine.name().to_owned())
            .collect();
        let session = Session::new(registry, &self.options, hello.journal);
        self.session = Some(Arc::new(session));
        object(&Welcome {
            version: VERSION,
            server: format!("isolation {}", env!("CARGO_PKG_VERSION")),
            engines,
        })
    }
}
