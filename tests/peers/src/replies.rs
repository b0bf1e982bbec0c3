//! The replies of the fake engine: heads and bodies as Docker writes them.

use std::fmt::Write;

/// Log lines in one write.
pub const LINES: usize = 500;
/// Log lines in a megabyte of text.
pub const LINES_PER_MEGABYTE: usize = 1_000_000 / LINE;
/// Events in the stream of events.
pub const EVENTS: usize = 200_000;
/// Containers in the list; their JSON takes about 10 MB.
pub const CONTAINERS: usize = 7_400;
/// Payload of one frame of exec output: what an engine reads from a process at a time.
pub const FRAME: usize = 32_000;
/// Length of a log line with its newline.
const LINE: usize = 100;

/// The head of a stream of frames in chunks.
pub const LOGS_HEAD: &[u8] =
    b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n\
    Docker-Experimental: false\r\nOstype: linux\r\nServer: Docker/28.5.0 (linux)\r\n\
    Date: Mon, 06 Oct 2025 12:00:00 GMT\r\nTransfer-Encoding: chunked\r\n\r\n";
/// The head of a tar archive in chunks.
pub const TAR_HEAD: &[u8] = b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Type: application/x-tar\r\n\
    Docker-Experimental: false\r\nOstype: linux\r\nServer: Docker/28.5.0 (linux)\r\n\
    Date: Mon, 06 Oct 2025 12:00:00 GMT\r\nTransfer-Encoding: chunked\r\n\r\n";
/// The reply to an archive upload.
pub const UNPACKED: &[u8] =
    b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nDocker-Experimental: false\r\nOstype: linux\r\n\
    Server: Docker/28.5.0 (linux)\r\nDate: Mon, 06 Oct 2025 12:00:00 GMT\r\nContent-Length: 0\r\n\r\n";
/// The reply to an archive of the wrong length.
pub const WRONG_LENGTH: &[u8] =
    b"HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n\
    {\"message\":\"wrong length\"}\n";
/// The head of the reply that upgrades a connection.
pub const HIJACK_HEAD: &[u8] = b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.multiplexed-stream\r\n\
    Connection: Upgrade\r\nUpgrade: tcp\r\nApi-Version: 1.51\r\nDocker-Experimental: false\r\nOstype: linux\r\n\
    Server: Docker/28.5.0 (linux)\r\n\r\n";
/// The reply to any other request.
pub const NOT_FOUND: &[u8] =
    b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 29\r\n\r\n\
    {\"message\":\"page not found\"}\n";

/// All replies that do not change.
pub struct Replies {
    /// The reply to a ping. Its body is the last two bytes.
    pub ping: Vec<u8>,
    pub version: Vec<u8>,
    pub list: Vec<u8>,
    pub events: Vec<u8>,
    /// Chunks of one framed log line each.
    pub lines: Vec<u8>,
    /// One frame of exec output.
    pub frame: Vec<u8>,
    /// One chunk of an archive, all zeros, as archives end.
    pub block: Vec<u8>,
}

impl Replies {
    pub fn new() -> Self {
        Self {
            ping: ping(),
            version: sized("200 OK", VERSION),
            list: chunked(&[list()]),
            events: chunked(&(0..EVENTS).map(event).collect::<Vec<_>>()),
            lines: lines(),
            frame: frame(&[b'x'; FRAME]),
            block: chunk(&[0; FRAME]),
        }
    }
}

/// The inspect reply of a container, with the fields that streams need.
pub fn inspect(id: &str) -> Vec<u8> {
    let body = format!(
        "{{\"Id\":\"{id}\",\"Created\":\"2025-10-06T12:00:00.123456789Z\",\"Path\":\"sh\",\"Args\":[],\"State\":{{\"Status\":\"running\",\
         \"Running\":true}},\"Image\":\"sha256:0\",\"Name\":\"/{id}\",\"Config\":{{\"Tty\":false}}}}\n"
    );
    sized("200 OK", &body)
}

/// The reply to the creation of an exec.
pub fn created(id: &str) -> Vec<u8> {
    sized("201 Created", &format!("{{\"Id\":\"{id}\"}}\n"))
}

/// The inspect reply of an exec.
pub fn exec(id: &str) -> Vec<u8> {
    let body = format!(
        "{{\"ID\":\"{id}\",\"Running\":false,\"ExitCode\":null,\"ProcessConfig\":{{\"tty\":false,\"entrypoint\":\"cat\",\
         \"arguments\":[\"/data\"],\"privileged\":false}},\"OpenStdin\":false,\"OpenStderr\":true,\"OpenStdout\":true,\
         \"CanRemove\":false,\"ContainerID\":\"{id}\",\"DetachKeys\":\"\",\"Pid\":0}}\n"
    );
    sized("200 OK", &body)
}

/// The reply to an image load: the number of bytes that were read.
pub fn loaded(bytes: u64) -> Vec<u8> {
    chunked(&[format!("{{\"stream\":\"Loaded image: {bytes}\\n\"}}\r\n")])
}

/// The number of loaded bytes in a line of progress.
pub fn loaded_bytes(line: &str) -> crate::Result<u64> {
    let number = line.trim().strip_prefix("Loaded image: ");
    Ok(number.ok_or("nothing was loaded")?.parse()?)
}

fn ping() -> Vec<u8> {
    b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nBuilder-Version: 2\r\nCache-Control: no-cache, no-store, must-revalidate\r\n\
      Content-Length: 2\r\nContent-Type: text/plain; charset=utf-8\r\nDate: Mon, 06 Oct 2025 12:00:00 GMT\r\n\
      Docker-Experimental: false\r\nOstype: linux\r\nPragma: no-cache\r\nServer: Docker/28.5.0 (linux)\r\n\
      Swarm: inactive\r\n\r\nOK"
        .to_vec()
}

/// A short reply, whose length Go knows before it writes the head.
fn sized(status: &str, body: &str) -> Vec<u8> {
    format!(
        "HTTP/1.1 {status}\r\nApi-Version: 1.51\r\nContent-Type: application/json\r\nDate: Mon, 06 Oct 2025 12:00:00 GMT\r\n\
         Docker-Experimental: false\r\nOstype: linux\r\nServer: Docker/28.5.0 (linux)\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

/// A long reply: Go writes a chunk for each write, and JSON in one write.
fn chunked(writes: &[String]) -> Vec<u8> {
    let mut out = b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Type: application/json\r\nDocker-Experimental: false\r\n\
        Date: Mon, 06 Oct 2025 12:00:00 GMT\r\nOstype: linux\r\nServer: Docker/28.5.0 (linux)\r\n\
        Transfer-Encoding: chunked\r\n\r\n"
        .to_vec();
    for write in writes {
        out.extend(chunk(write.as_bytes()));
    }
    out.extend(b"0\r\n\r\n");
    out
}

/// A chunk of a chunked body.
pub fn chunk(data: &[u8]) -> Vec<u8> {
    let mut out = format!("{:x}\r\n", data.len()).into_bytes();
    out.extend(data);
    out.extend(b"\r\n");
    out
}

fn frame(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![1, 0, 0, 0];
    out.extend((payload.len() as u32).to_be_bytes());
    out.extend(payload);
    out
}

fn lines() -> Vec<u8> {
    let mut out = Vec::new();
    for n in 0..LINES {
        let text =
            format!("2025-10-06T12:00:00.{n:09}Z level=info msg=\"request served\" path=/api/items/{n} ");
        out.extend(chunk(&frame(format!("{text:x<99}\n").as_bytes())));
    }
    out
}

/// 64 hexadecimal digits, different for each number.
fn digits(seed: usize) -> String {
    let mut state = seed as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let mut out = String::with_capacity(64);
    for _ in 0..4 {
        // splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let _ = write!(out, "{:016x}", word ^ (word >> 31));
    }
    out
}

fn list() -> String {
    let containers: Vec<String> = (0..CONTAINERS).map(container).collect();
    format!("[{}]\n", containers.join(","))
}

/// One container as `GET /containers/json` of Docker 28 writes it, made by compose.
fn container(n: usize) -> String {
    let (id, image, network) = (digits(n), digits(n % 40 + 1_000_000), digits(n % 7 + 2_000_000));
    let (endpoint, project, service) = (
        digits(n + 3_000_000),
        ["shop", "blog", "metrics"][n % 3],
        ["web", "db", "worker", "cache"][n % 4],
    );
    let (state, status) = match n % 5 {
        0 => ("exited", format!("Exited ({}) {} hours ago", n % 3, n % 20 + 2)),
        _ => ("running", format!("Up {} minutes (healthy)", n % 59 + 1)),
    };
    let (ip, mac) = (
        format!("172.{}.{}.{}", n % 7 + 18, n / 250 % 250, n % 250 + 2),
        format!(
            "02:42:ac:{:02x}:{:02x}:{:02x}",
            n % 7 + 18,
            n / 250 % 250,
            n % 250 + 2
        ),
    );
    let port = 20_000 + n % 30_000;
    format!(
        r#"{{"Id":"{id}","Names":["/{project}-{service}-{n}"],"Image":"registry.example.com/{project}/{service}:1.{}","ImageID":"sha256:{image}","Command":"/docker-entrypoint.sh \"{service}\" --port 8080","Created":{},"Ports":[{{"IP":"0.0.0.0","PrivatePort":8080,"PublicPort":{port},"Type":"tcp"}},{{"IP":"::","PrivatePort":8080,"PublicPort":{port},"Type":"tcp"}}],"Labels":{{"com.docker.compose.config-hash":"{}","com.docker.compose.container-number":"{n}","com.docker.compose.oneoff":"False","com.docker.compose.project":"{project}","com.docker.compose.service":"{service}","maintainer":"{project} team"}},"State":"{state}","Status":"{status}","HostConfig":{{"NetworkMode":"{project}_default"}},"NetworkSettings":{{"Networks":{{"{project}_default":{{"IPAMConfig":null,"Links":null,"Aliases":null,"MacAddress":"{mac}","DriverOpts":null,"GwPriority":0,"NetworkID":"{network}","EndpointID":"{endpoint}","Gateway":"172.{}.0.1","IPAddress":"{ip}","IPPrefixLen":16,"IPv6Gateway":"","GlobalIPv6Address":"","GlobalIPv6PrefixLen":0,"DNSNames":null}}}}}},"Mounts":[{{"Type":"volume","Name":"{project}_data","Source":"","Destination":"/data","Driver":"local","Mode":"z","RW":true,"Propagation":""}}]}}"#,
        n % 30,
        1_759_700_000 + n,
        digits(n + 4_000_000),
        n % 7 + 18,
    )
}

/// One line of `GET /events`.
fn event(n: usize) -> String {
    let (id, action) = (digits(n), ["create", "start", "die", "destroy"][n % 4]);
    let (seconds, nanos) = (1_759_700_000 + n / 1000, n % 1000 * 1_000_000);
    format!(
        r#"{{"status":"{action}","id":"{id}","from":"busybox","Type":"container","Action":"{action}","Actor":{{"ID":"{id}","Attributes":{{"image":"busybox","name":"web-{n}"}}}},"scope":"local","time":{seconds},"timeNano":{seconds}{nanos:09}}}"#
    ) + "\n"
}

const VERSION: &str = r#"{"Platform":{"Name":"Docker Engine - Community"},"Components":[{"Name":"Engine","Version":"28.5.0","Details":{"ApiVersion":"1.51","Arch":"amd64","BuildTime":"2025-10-02T15:49:57.000000000+00:00","Experimental":"false","GitCommit":"cd04830","GoVersion":"go1.24.7","KernelVersion":"6.12.0","MinAPIVersion":"1.24","Os":"linux"}},{"Name":"containerd","Version":"1.7.28","Details":{"GitCommit":"b98a3aace656320842a23f4a392a33f46af97866"}},{"Name":"runc","Version":"1.3.1","Details":{"GitCommit":"v1.3.1-0-ge6457afc"}},{"Name":"docker-init","Version":"0.19.0","Details":{"GitCommit":"de40ad0"}}],"Version":"28.5.0","ApiVersion":"1.51","MinAPIVersion":"1.24","GitCommit":"cd04830","GoVersion":"go1.24.7","Os":"linux","Arch":"amd64","KernelVersion":"6.12.0","BuildTime":"2025-10-02T15:49:57.000000000+00:00"}
"#;
