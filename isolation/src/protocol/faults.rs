//! Says where a message is wrong: its request and its field, not the column of its line.

use std::fmt::Display;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::VERSION;
use super::answer::Answer;
use super::call::{Call, Request};
use crate::error::{Error, ErrorKind};
use crate::short::short;
use crate::spec::{json_file, json_strict, json_words};

/// The fields of a request that its method does not change.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    id: Option<u64>,
    method: String,
}

/// The fault of a line that is not a valid request: the ID, if the request can be answered, and
/// the error.
pub(crate) type Refused = (Option<u64>, Error);

/// Reads a request or a note.
pub(crate) fn request(line: &[u8]) -> Result<Request, Refused> {
    match serde_json::from_slice::<Request>(line) {
        // Nothing but a list can be taken for an object.
        Ok(request) if memchr::memchr(b'[', line).is_none() => Ok(request),
        Ok(request) => of_request(line, None).map_or(Ok(request), Err),
        Err(error) => Err(of_request(line, Some(&error)).unwrap_or_else(|| not_a_request(&error))),
    }
}

fn not_a_request(why: &dyn Display) -> Refused {
    let text = format!("a line is not a request: {why}; write one JSON object a line");
    (None, Error::invalid(text))
}

/// The faults of a line that should be a request; `first` is the error of its parser.
fn of_request(line: &[u8], first: Option<&serde_json::Error>) -> Option<Refused> {
    let value = match serde_json::from_slice::<Value>(line) {
        Ok(value) => value,
        Err(error) => return Some(not_a_request(&format!("it is not JSON: {error}"))),
    };
    let head = match json_strict::from_value::<Head>(&value) {
        Ok(head) => head,
        Err(error) => return Some(not_a_request(&text::<Head>(&value, &error))),
    };
    let method = short(&head.method);
    let request = match head.id {
        Some(id) => format!("the request {id}"),
        None => format!("the note {method:?}"),
    };
    let found = json_file::faults::<Call>(&value);
    if found.iter().any(|fault| fault.path == "method") {
        let text = format!("{request} has a method that is unknown in version {VERSION}: {method:?}");
        return Some((head.id, Error::new(ErrorKind::Unsupported, text)));
    }
    let why = match (found.is_empty(), first) {
        (true, first) => plain(first?),
        (false, _) => json_file::listed(found).to_string(),
    };
    Some((head.id, Error::invalid(format!("{request} is invalid: {why}"))))
}

/// The text of a fault that only the text of a message has, such as a key that it contains twice.
fn plain(error: &serde_json::Error) -> String {
    json_words::plain(&error.to_string())
}

/// The faults of a line that is not an answer.
pub(crate) fn of_answer(line: &[u8], first: &serde_json::Error) -> String {
    let value = match serde_json::from_slice::<Value>(line) {
        Ok(value) => value,
        Err(error) => return format!("it is not JSON: {error}"),
    };
    let why = text::<Answer>(&value, first);
    match value.get("id").and_then(Value::as_u64) {
        Some(id) => format!("the answer to the request {id}: {why}"),
        None => why,
    }
}

/// The faults of a value that cannot be read as `T`, each with its field.
pub(crate) fn text<T: DeserializeOwned>(value: &Value, first: &serde_json::Error) -> String {
    match json_file::faults::<T>(value) {
        none if none.is_empty() => plain(first),
        found => json_file::listed(found).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn refused(line: &str) -> Refused {
        request(line.as_bytes()).unwrap_err()
    }

    #[test]
    fn fault_of_a_request_names_its_field_and_its_id() {
        for (line, id, expected) in [
            (
                json!({"id": 7, "method": "create", "params": {"spec": {"limits": {"memory": []}}}}),
                Some(7),
                "the request 7 is invalid: params.spec.limits.memory: ",
            ),
            (
                json!({"id": 7, "method": "inspect", "params": {"environment": 5}}),
                Some(7),
                "params.environment: a text is expected, not a number",
            ),
            (
                json!({"id": 7, "method": "inspect", "params": {}}),
                Some(7),
                "params.environment: it is missing",
            ),
            (
                json!({"id": 7, "method": "inspect", "params": {"environment": "e", "al": 1}}),
                Some(7),
                "params.al: unknown key",
            ),
            (
                json!({"id": 7, "method": "inspect"}),
                Some(7),
                "params: it is missing",
            ),
            (
                json!({"method": "more", "params": {"request": 1, "bytes": -1}}),
                None,
                "the note \"more\" is invalid: params.bytes: ",
            ),
            (
                json!({"id": "seven", "method": "inspect"}),
                None,
                "a line is not a request: id: a whole number from 0 is expected, not a text",
            ),
            (json!({"id": 7}), None, "method: it is missing"),
            (json!([1]), None, "an object is expected, not a list"),
            (json!(5), None, "an object is expected, not a number"),
        ] {
            let (found, error) = refused(&line.to_string());
            assert_eq!(found, id, "{line}: {error}");
            assert!(error.to_string().contains(expected), "{line}: {error}");
            assert!(!error.to_string().contains("column"), "{line}: {error}");
        }
        let (_, error) =
            refused(r#"{"id": 7, "method": "inspect", "params": {"environment": "a", "environment": "b"}}"#);
        assert!(error.to_string().contains("twice"), "{error}");
        let (_, error) = refused("{\"id\": 7,");
        assert!(error.to_string().contains("it is not JSON: "), "{error}");
    }

    #[test]
    fn fault_of_a_request_has_no_value_of_a_text() {
        let (_, error) = refused(
            r#"{"id": 7, "method": "exec", "params": {"environment": "e", "command": {"argv": "hunter2"}}}"#,
        );
        assert!(error.to_string().contains("params.command.argv: "), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"), "{error:?}");
    }

    /// Each was taken: the fields of an object in the order of their declaration.
    #[test]
    fn list_is_no_object_in_a_request() {
        for (method, params, path) in [
            ("inspect", json!(["e"]), "params"),
            ("events", json!([]), "params"),
            ("create", json!([]), "params"),
            (
                "create",
                json!({"spec": {"limits": [1 << 30]}}),
                "params.spec.limits",
            ),
            (
                "exec",
                json!({"environment": "e", "command": [["true"]]}),
                "params.command",
            ),
            (
                "remove",
                json!({"environment": "0123456789abcdef", "resources": [["volume", "v"]]}),
                "params.resources[0]",
            ),
            (
                "wait_until",
                json!({"environment": "e", "condition": {"http": [80]}, "timeout": 1}),
                "params.condition.http",
            ),
        ] {
            let line = json!({"id": 7, "method": method, "params": params}).to_string();
            let (id, error) = refused(&line);
            assert_eq!((id, error.kind()), (Some(7), ErrorKind::InvalidInput), "{error}");
            let expected = format!("{path}: an object is expected, not a list");
            assert!(error.to_string().ends_with(&expected), "{line}: {error}");
        }
        let argv = json!({"environment": "e", "command": {"argv": ["echo", "[1]"]}});
        let line = json!({"id": 7, "method": "exec", "params": argv}).to_string();
        assert!(request(line.as_bytes()).is_ok());
        let note = r#"{"method": "cancel", "params": [7]}"#;
        assert_eq!(refused(note).0, None, "nothing answers a note");
    }

    /// A client may have put a secret, or any amount of data, in the wrong place.
    #[test]
    fn fault_of_a_request_repeats_no_long_text() {
        let long = "hunter2`, expected `".repeat(20_000);
        for line in [
            json!({"id": 7, "method": "kill", "params": {"environment": "e", "signal": long}}),
            json!({"id": 7, "method": "hello", "params": {"versions": [1], "journal": long}}),
            json!({"id": 7, "method": "create", "params": {"spec": {"lifetime": long}}}),
            json!({"id": 7, "method": "create", "params": {"spec": {"isolation": long}}}),
        ] {
            let (_, error) = refused(&line.to_string());
            let text = format!("{error:?}");
            assert!(text.len() < 400 && !text.contains("hunter2"), "{text}");
        }
        for line in [
            json!({"id": 7, "method": long, "params": {}}),
            json!({"method": long, "params": {}}),
            json!({"id": 7, "method": "events", "params": {long.clone(): 1}}),
            json!({"id": 7, "method": "create", "params": {"id": long}}),
            json!({"id": 7, "method": "create", "params": {"spec": {"limits": {long.clone(): 1}}}}),
            json!({"id": 7, "method": "create", "params": {"spec": {"limits": {"memory": long}}}}),
            json!({"id": 7, "method": "create", "params": {"spec": {"network": {"ports": [long]}}}}),
        ] {
            let (_, error) = refused(&line.to_string());
            let text = format!("{error:?}");
            assert!(text.len() < 400 && text.contains('…'), "{text}");
        }
    }

    #[test]
    fn method_of_a_later_version_is_unsupported() {
        let (id, error) = refused(r#"{"id": 7, "method": "fly", "params": {}}"#);
        assert_eq!((id, error.kind()), (Some(7), ErrorKind::Unsupported), "{error}");
        assert!(
            error.to_string().contains("unknown in version 1: \"fly\""),
            "{error}"
        );
    }

    #[test]
    fn fault_of_an_answer_names_its_field_and_its_request() {
        for (line, expected) in [
            (
                r#"{"id": 3, "output": {"stdout": {"text": 5}}}"#,
                "the answer to the request 3: output.stdout.text: a text is expected, not a number",
            ),
            (r#"{"result": 5}"#, "result: "),
            ("no json", "it is not JSON: "),
            ("[]", "an object is expected, not a list"),
        ] {
            let first = serde_json::from_str::<Answer>(line).err();
            let first = first.unwrap_or_else(|| serde::de::Error::custom("a list"));
            let text = of_answer(line.as_bytes(), &first);
            assert!(text.contains(expected), "{line}: {text}");
        }
    }
}
