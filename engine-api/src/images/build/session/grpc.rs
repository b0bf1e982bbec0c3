//! gRPC over HTTP/2: messages in frames, and the status at the end of a call.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Response};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::super::protobuf::{Fields, Malformed, Value};

/// The media type of every request and reply.
pub(super) const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/grpc");

/// The maximum size of an answer to this client, and of a piece of an output, in bytes. BuildKit
/// sends at most 4 MiB, newer versions 16 MiB.
pub(super) const LONGEST_ANSWER: usize = 16 << 20;

/// The maximum size of a request of the engine, in bytes: a few names, or a request of a step to an
/// ssh agent.
pub(super) const LONGEST_REQUEST: usize = 1 << 20;

/// The maximum size of the text of a status, in bytes. It is sent in a header, and may contain a
/// name from the engine.
const LONGEST_TEXT: usize = 1 << 10;

/// The bytes before a message: whether it is compressed, and its length.
const HEAD: usize = 5;

/// The characters that are encoded in `grpc-message`.
const NOT_IN_MESSAGE: &AsciiSet = &CONTROLS.add(b'%');

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) code: Code,
    pub(super) message: String,
}

/// The status codes of gRPC that this client sends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Code {
    InvalidArgument = 3,
    NotFound = 5,
    AlreadyExists = 6,
    ResourceExhausted = 8,
    Unimplemented = 12,
    Internal = 13,
    Unavailable = 14,
}

impl Status {
    pub(super) fn new(code: Code, message: impl Into<String>) -> Self {
        let mut message = message.into();
        if message.len() > LONGEST_TEXT {
            let end = (0..=LONGEST_TEXT).rfind(|end| message.is_char_boundary(*end));
            message.truncate(end.unwrap_or_default());
            message.push('…');
        }
        Self { code, message }
    }

    pub(super) fn unimplemented(what: &str) -> Self {
        Self::new(Code::Unimplemented, format!("this client does not serve {what}"))
    }

    fn headers(outcome: &Result<(), Self>) -> HeaderMap {
        let (code, message) = match outcome {
            Ok(()) => (0, ""),
            Err(status) => (status.code as u16, status.message.as_str()),
        };
        let mut headers = HeaderMap::new();
        headers.insert("grpc-status", HeaderValue::from(code));
        // Every character that a header cannot contain is encoded.
        let message = utf8_percent_encode(message, NOT_IN_MESSAGE).to_string();
        if let Ok(message) = HeaderValue::try_from(message) {
            headers.insert("grpc-message", message);
        }
        headers
    }
}

impl From<h2::Error> for Status {
    fn from(error: h2::Error) -> Self {
        Self::new(Code::Unavailable, error.to_string())
    }
}

impl From<Malformed> for Status {
    fn from(_: Malformed) -> Self {
        Self::new(Code::Internal, "the message is not a valid protocol buffer")
    }
}

/// Takes the first message, of at most `longest` bytes, from the front of a buffer; `None` if it is
/// not complete.
fn take(buffer: &mut BytesMut, longest: usize) -> Result<Option<Bytes>, Status> {
    let Some((head, rest)) = buffer.split_at_checked(HEAD) else {
        return Ok(None);
    };
    let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]) as usize;
    if head[0] != 0 {
        return Err(Status::unimplemented("compressed messages"));
    }
    if length > longest {
        let text = format!("the message has {length} bytes, more than {longest}");
        return Err(Status::new(Code::InvalidArgument, text));
    }
    if rest.len() < length {
        return Ok(None);
    }
    buffer.advance(HEAD);
    Ok(Some(buffer.split_to(length).freeze()))
}

/// Appends a message with its head.
pub(super) fn put(buffer: &mut BytesMut, message: &[u8]) {
    buffer.reserve(HEAD + message.len());
    buffer.put_u8(0);
    // Messages of this client are much shorter than the limit of 4 GiB.
    buffer.put_u32(u32::try_from(message.len()).unwrap_or(u32::MAX));
    buffer.put_slice(message);
}

/// The messages that the engine sends in a call.
pub(super) struct Incoming {
    body: RecvStream,
    buffer: BytesMut,
    longest: usize,
}

impl Incoming {
    /// The messages have at most `longest` bytes.
    pub(super) fn new(body: RecvStream, longest: usize) -> Self {
        let buffer = BytesMut::new();
        Self {
            body,
            buffer,
            longest,
        }
    }

    /// The next message; `None` at the end.
    pub(super) async fn message(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            if let Some(message) = take(&mut self.buffer, self.longest)? {
                return Ok(Some(message));
            }
            match self.body.data().await.transpose()? {
                Some(piece) => {
                    self.body.flow_control().release_capacity(piece.len())?;
                    self.buffer.extend_from_slice(&piece);
                }
                None if self.buffer.is_empty() => return Ok(None),
                None => return Err(Status::new(Code::Internal, "the call ended inside a message")),
            }
        }
    }

    /// The message of a call with exactly one message.
    pub(super) async fn only(&mut self) -> Result<Bytes, Status> {
        let missing = || Status::new(Code::Internal, "the call has no message");
        self.message().await?.ok_or_else(missing)
    }
}

/// The only reply to a call of this client, after its status.
pub(super) async fn answer(mut incoming: Incoming) -> Result<Bytes, String> {
    let message = incoming.message().await.map_err(|status| status.message)?;
    let trailers = incoming
        .body
        .trailers()
        .await
        .map_err(|error| error.to_string())?;
    status_of(&trailers.unwrap_or_default())?;
    message.ok_or_else(|| "the answer has no message".into())
}

/// The status in headers or trailers.
pub(super) fn status_of(headers: &HeaderMap) -> Result<(), String> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    match text("grpc-status") {
        Some("0") => Ok(()),
        code => {
            let message = text("grpc-message").unwrap_or_default();
            let message = percent_encoding::percent_decode_str(message).decode_utf8_lossy();
            Err(match message.as_ref() {
                "" => format!("gRPC status {}", code.unwrap_or("missing")),
                message => message.to_owned(),
            })
        }
    }
}

/// Sends all of `bytes`, as fast as the engine receives them.
pub(super) async fn send(stream: &mut SendStream<Bytes>, mut bytes: Bytes) -> Result<(), Status> {
    while !bytes.is_empty() {
        stream.reserve_capacity(bytes.len());
        let granted = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await;
        let gone = || Status::new(Code::Unavailable, "the engine has ended the call");
        let room = granted.ok_or_else(gone)??;
        if room == 0 {
            // The engine has made its window smaller. An empty frame would be sent for nothing.
            continue;
        }
        stream.send_data(bytes.split_to(room.min(bytes.len())), false)?;
    }
    Ok(())
}

/// The reply to a call.
pub(super) struct Reply {
    head: SendResponse<Bytes>,
    stream: Option<SendStream<Bytes>>,
}

impl Reply {
    pub(super) fn new(head: SendResponse<Bytes>) -> Self {
        Self { head, stream: None }
    }

    /// Sends messages that have their heads.
    pub(super) async fn frames(&mut self, frames: Bytes) -> Result<(), Status> {
        send(self.begin()?, frames).await
    }

    /// Sends one message.
    pub(super) async fn message(&mut self, message: &[u8]) -> Result<(), Status> {
        let mut frame = BytesMut::new();
        put(&mut frame, message);
        self.frames(frame.freeze()).await
    }

    /// Sends the head of the reply: the engine may wait for it before it sends more data.
    pub(super) fn begin(&mut self) -> Result<&mut SendStream<Bytes>, Status> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.head.send_response(head(HeaderMap::new()), false)?,
        };
        Ok(self.stream.insert(stream))
    }

    /// Ends the reply. The engine may have ended the call, or the connection, before.
    pub(super) fn finish(mut self, outcome: &Result<(), Status>) -> Result<(), h2::Error> {
        let headers = Status::headers(outcome);
        match self.stream.take() {
            Some(mut stream) => stream.send_trailers(headers),
            None => self.head.send_response(head(headers), true).map(drop),
        }
    }
}

fn head(headers: HeaderMap) -> Response<()> {
    let mut response = Response::new(());
    *response.headers_mut() = headers;
    response.headers_mut().insert(CONTENT_TYPE, MEDIA_TYPE);
    response
}

/// The text in a field of a message: the last one counts, and a missing one is empty.
pub(super) fn text(message: &[u8], wanted: u64) -> Result<String, Status> {
    let bytes = bytes(message, wanted)?;
    let no_text = |_| Status::new(Code::InvalidArgument, "a text of the message is not UTF-8");
    String::from_utf8(bytes.to_vec()).map_err(no_text)
}

/// The bytes in a field of a message.
pub(super) fn bytes(message: &[u8], wanted: u64) -> Result<&[u8], Status> {
    let mut found: &[u8] = &[];
    for field in Fields::of(message) {
        match field? {
            (number, Value::Bytes(bytes)) if number == wanted => found = bytes,
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn status_is_one_header_whatever_the_message() {
        let failed = Err(Status::new(Code::NotFound, "no\nsuch é 100%"));
        let headers = Status::headers(&failed);
        assert_eq!(headers["grpc-status"], "5");
        assert_eq!(headers["grpc-message"], "no%0Asuch %C3%A9 100%25");
        assert_eq!(status_of(&headers).unwrap_err(), "no\nsuch é 100%");
        assert_eq!(status_of(&Status::headers(&Ok(()))), Ok(()));
        assert_eq!(status_of(&HeaderMap::new()).unwrap_err(), "gRPC status missing");
    }

    #[test]
    fn compressed_and_endless_messages_are_rejected() {
        let taken = |bytes: &[u8]| take(&mut BytesMut::from(bytes), LONGEST_ANSWER);
        let code = |bytes: &[u8]| taken(bytes).unwrap_err().code;
        assert_eq!(code(b"\x01\0\0\0\0"), Code::Unimplemented);
        // The length is checked before any byte is awaited.
        assert_eq!(code(b"\0\xff\xff\xff\xff"), Code::InvalidArgument);
        assert_eq!(code(b"\0\x01\0\0\x01"), Code::InvalidArgument);
        assert_eq!(taken(b"\0\x01\0\0\0"), Ok(None));
    }

    #[test]
    fn text_of_a_status_is_bounded() {
        let status = Status::new(Code::NotFound, "é".repeat(1 << 20));
        assert!(status.message.len() <= LONGEST_TEXT + '…'.len_utf8());
        assert!(status.message.ends_with("é…"));
        let whole = "x".repeat(LONGEST_TEXT);
        assert_eq!(Status::new(Code::NotFound, whole.clone()).message, whole);
    }

    proptest! {
        #[test]
        fn messages_survive_framing_in_any_pieces(messages: Vec<Vec<u8>>, piece in 1_usize..40) {
            let mut sent = BytesMut::new();
            messages.iter().for_each(|message| put(&mut sent, message));
            let mut buffer = BytesMut::new();
            let mut read = Vec::new();
            for piece in sent.chunks(piece) {
                buffer.extend_from_slice(piece);
                while let Some(message) = take(&mut buffer, LONGEST_ANSWER).unwrap() {
                    read.push(message.to_vec());
                }
            }
            prop_assert_eq!(read, messages);
            prop_assert!(buffer.is_empty());
        }

        #[test]
        fn any_bytes_are_messages_or_an_error(bytes: Vec<u8>) {
            let mut buffer = BytesMut::from(&bytes[..]);
            let mut total = 0;
            while let Ok(Some(message)) = take(&mut buffer, LONGEST_ANSWER) {
                total += HEAD + message.len();
            }
            prop_assert_eq!(total + buffer.len(), bytes.len());
        }
    }
}
