//! The bytes that engines send, for scripts to write.

/// The content type of JSON.
pub const JSON: &str = "Content-Type: application/json";
/// The content type of output in frames.
pub const MULTIPLEXED: &str = "Content-Type: application/vnd.docker.multiplexed-stream";
/// The content type of a terminal's output.
pub const RAW: &str = "Content-Type: application/vnd.docker.raw-stream";

/// A reply with a body of known length.
pub fn reply(status: u16, headers: &[&str], body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let mut bytes = head(status, headers, &format!("Content-Length: {}\r\n", body.len()));
    bytes.extend(body);
    bytes
}

/// A `200` with JSON.
pub fn ok(json: &str) -> Vec<u8> {
    reply(200, &[JSON], json)
}

/// The head of a `200` whose body lasts until the engine hangs up.
pub fn open(headers: &[&str]) -> Vec<u8> {
    head(200, headers, "")
}

/// A `200` whose body comes in chunks, one for each of `pieces`.
pub fn chunked<P: AsRef<[u8]>>(headers: &[&str], pieces: impl IntoIterator<Item = P>) -> Vec<u8> {
    let mut bytes = head(200, headers, "Transfer-Encoding: chunked\r\n");
    for piece in pieces {
        bytes.extend(chunk(piece));
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

/// One chunk of a body in chunks.
pub fn chunk(piece: impl AsRef<[u8]>) -> Vec<u8> {
    let piece = piece.as_ref();
    let mut bytes = format!("{:x}\r\n", piece.len()).into_bytes();
    bytes.extend(piece);
    bytes.extend(b"\r\n");
    bytes
}

/// The head of a `101`, as engines write it; what follows is the process's.
pub fn upgraded(headers: &[&str]) -> Vec<u8> {
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!("HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n{lines}\r\n").into_bytes()
}

/// A frame of output: 1 is standard output, 2 standard error, 3 the engine's own error.
pub fn frame(kind: u8, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    let mut bytes = vec![kind, 0, 0, 0];
    bytes.extend(u32::try_from(payload.len()).unwrap_or(u32::MAX).to_be_bytes());
    bytes.extend(payload);
    bytes
}

fn head(status: u16, headers: &[&str], last: &str) -> Vec<u8> {
    let lines: String = headers.iter().map(|line| format!("{line}\r\n")).collect();
    format!("HTTP/1.1 {status} Status\r\n{lines}{last}\r\n").into_bytes()
}

/// How long the head of a reply is, the empty line included.
pub(super) fn head_length(bytes: &[u8]) -> usize {
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
    end.map_or(bytes.len(), |end| end + 4)
}
