//! Requests and types for the contenders without their own.

use engine_api::from_json;
use engine_api::images::Progress;
use engine_api::system::Event;

use crate::Result;
use crate::replies;

pub const CREATE_EXEC: &str = r#"{"AttachStdout":true,"AttachStderr":true,"Cmd":["cat","/data"]}"#;
pub const START_EXEC: &str = r#"{"Detach":false,"Tty":false}"#;

/// The id in the reply to the creation of an exec.
pub fn id(bytes: &[u8]) -> Result<String> {
    let value: serde_json::Value = serde_json::from_slice(bytes)?;
    Ok(value["Id"].as_str().ok_or("no Id")?.to_owned())
}

/// The number of bytes that the engine has read, according to its reply to a load.
pub fn loaded(bytes: &[u8]) -> Result<u64> {
    let line: Progress = from_json(bytes)?;
    replies::loaded_bytes(&line.stream)
}

/// Decodes events, one in each line.
#[derive(Default)]
pub struct Events {
    rest: Vec<u8>,
    pub came: u64,
}

impl Events {
    pub fn push(&mut self, bytes: &[u8]) -> Result<()> {
        self.rest.extend(bytes);
        let Some(last) = self.rest.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(());
        };
        for line in self.rest[..last].split(|byte| *byte == b'\n') {
            std::hint::black_box(from_json::<Event>(line)?);
            self.came += 1;
        }
        self.rest.drain(..=last);
        Ok(())
    }
}
