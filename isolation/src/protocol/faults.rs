//! Says where a message is wrong: its request and its field, not the column of its line.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::VERSION;
use super::answer::Answer;
use super::call::Call;
use crate::error::{Error, ErrorKind};
use crate::spec::{json_file, json_words};

/// The fields of a request that its method does not change.
#[derive(Deserialize)]
struct Head {
    #[serde(default)]
    id: Option<u64>,
    method: String,
}

/// What is wrong with a line that is not a request: the ID, if the request can be answered, and the
/// error.
pub(crate) fn of_request(line: &[u8], first: &serde_json::Error) -> (Option<u64>, Error) {
    let not_one = |why: &dyn std::fmt::Display| {
        (
            None,
            Error::invalid(format!(
                "a line is not a request: {why}; write one JSON object a line"
            )),
        )
    };
    let value = match serde_json::from_slice::<Value>(line) {
        Ok(value) => value,
        Err(error) => return not_one(&format!("it is not JSON: {error}")),
    };
    let head = match Head::deserialize(&value) {
        Ok(head) if value.is_object() => head,
        _ => return not_one(&text::<Head>(&value, first)),
    };
    let request = match head.id {
        Some(id) => format!("the request {id}"),
        None => format!("the note {:?}", head.method),
    };
    let found = json_file::faults::<Call>(&value);
    let error = match found.iter().any(|fault| fault.path == "method") {
        true => {
            let text = format!(
                "{request} has a method that is unknown in version {VERSION}: {:?}",
                head.method
            );
            Error::new(ErrorKind::Unsupported, text)
        }
        false => Error::invalid(format!("{request} is invalid: {}", text::<Call>(&value, first))),
    };
    (head.id, error)
}

/// What is wrong with a line that is not an answer.
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

/// What is wrong with a value that cannot be read as `T`: each field and its fault.
pub(crate) fn text<T: DeserializeOwned>(value: &Value, first: &serde_json::Error) -> String {
    if value.is_array() {
        // The fields of a type could be read from a list, too.
        return "an object is expected, not a list".to_owned();
    }
    match json_file::faults::<T>(value) {
        // Only the text has the fault, such as a key that it contains twice.
        none if none.is_empty() => json_words::plain(&first.to_string()),
        found => json_file::listed(found).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::protocol::call::Request;

    fn refused(line: &str) -> (Option<u64>, Error) {
        let first = serde_json::from_str::<Request>(line).unwrap_err();
        of_request(line.as_bytes(), &first)
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
