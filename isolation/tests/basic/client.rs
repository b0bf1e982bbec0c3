//! A client of `serve` in another language: it sends and reads lines of JSON.

use std::path::Path;

use isolation::engines::basic::BasicEngine;
use isolation::{ManagerOptions, Registry, ServeOptions, serve};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tokio::task::JoinHandle;

/// A client of a server in this process.
pub(crate) struct Client {
    pub(crate) to: WriteHalf<DuplexStream>,
    pub(crate) from: BufReader<ReadHalf<DuplexStream>>,
    pub(crate) serving: JoinHandle<isolation::Result<()>>,
    pub(crate) next: u64,
}

impl Client {
    /// A client that has not sent `hello` yet.
    pub(crate) fn new(base: &Path) -> Self {
        let mut registry = Registry::new();
        registry.register(BasicEngine::below(base)).unwrap();
        Self::of(registry)
    }

    /// The same, of other engines.
    pub(crate) fn of(registry: Registry) -> Self {
        let manager = ManagerOptions {
            journal: false,
            ..ManagerOptions::default()
        };
        let options = ServeOptions {
            manager,
            ..ServeOptions::default()
        };
        let (ours, theirs) = tokio::io::duplex(1 << 16);
        let (input, output) = tokio::io::split(theirs);
        let serving = tokio::spawn(serve(registry, options, input, output));
        let (from, to) = tokio::io::split(ours);
        Self {
            to,
            from: BufReader::new(from),
            serving,
            next: 0,
        }
    }

    pub(crate) async fn greeted(base: &Path) -> Self {
        let mut client = Self::new(base);
        let welcome = client.result("hello", json!({"versions": [1, 2]})).await;
        assert_eq!(
            (&welcome["version"], &welcome["engines"]),
            (&json!(1), &json!(["basic"]))
        );
        client
    }

    pub(crate) async fn line(&mut self, text: &str) {
        self.to.write_all(text.as_bytes()).await.unwrap();
        self.to.write_all(b"\n").await.unwrap();
    }

    pub(crate) async fn begin(&mut self, method: &str, params: Value) -> u64 {
        self.next += 1;
        let id = self.next;
        self.line(&json!({"id": id, "method": method, "params": params}).to_string())
            .await;
        id
    }

    pub(crate) async fn note(&mut self, method: &str, params: Value) {
        self.line(&json!({"method": method, "params": params}).to_string())
            .await;
    }

    pub(crate) async fn read(&mut self) -> Value {
        let mut line = String::new();
        self.from.read_line(&mut line).await.unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// The next line with this ID and this field.
    pub(crate) async fn wait_for(&mut self, id: u64, field: &str) -> Value {
        loop {
            let mut line = self.read().await;
            if line["id"] == id && !line[field].is_null() {
                return line[field].take();
            }
            assert!(line["id"] != id || line["error"].is_null(), "{line}");
        }
    }

    pub(crate) async fn result(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        self.wait_for(id, "result").await
    }

    pub(crate) async fn error(&mut self, method: &str, params: Value) -> Value {
        let id = self.begin(method, params).await;
        self.wait_for(id, "error").await
    }

    pub(crate) async fn environment(&mut self) -> Value {
        self.result("create", json!({})).await["id"].take()
    }

    pub(crate) async fn exec(&mut self, environment: &Value, script: &str, more: Value) -> u64 {
        let mut command = json!({"argv": ["sh", "-c", script]});
        let mut params = json!({"environment": environment});
        for (key, value) in more.as_object().unwrap() {
            match key.as_str() {
                "window" => params[key] = value.clone(),
                _ => command[key] = value.clone(),
            }
        }
        params["command"] = command;
        self.begin("exec", params).await
    }

    /// Ends the connection; returns the result of the server.
    pub(crate) async fn end(mut self) -> isolation::Result<()> {
        self.to.shutdown().await.unwrap();
        drop((self.to, self.from));
        self.serving.await.unwrap()
    }
}
