//! Bodies for the contenders that bring no types.

use crate::Result;

pub const CREATE_EXEC: &str = r#"{"AttachStdout":true,"AttachStderr":true,"Cmd":["cat","/data"]}"#;
pub const START_EXEC: &str = r#"{"Detach":false,"Tty":false}"#;

/// The id in the answer to the creation of an exec.
pub fn id(bytes: &[u8]) -> Result<String> {
    let value: serde_json::Value = serde_json::from_slice(bytes)?;
    Ok(value["Id"].as_str().ok_or("no Id")?.to_owned())
}
