//! A request, as a fake engine reads it.

/// A request that a client sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The method.
    pub method: String,
    /// Path and query, as sent.
    pub target: String,
    /// The headers, in order, as sent.
    pub headers: Vec<(String, String)>,
    /// The body, when it has been read.
    pub body: Vec<u8>,
}

impl Request {
    /// Reads the lines of a head.
    pub(super) fn parse(head: &str) -> Self {
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
        let header = |line: &str| {
            let (name, value) = line.split_once(':')?;
            Some((name.to_owned(), value.trim().to_owned()))
        };
        Self {
            method: words.next().unwrap_or_default(),
            target: words.next().unwrap_or_default(),
            headers: lines.filter_map(header).collect(),
            body: Vec::new(),
        }
    }

    /// A header's value, if it is there.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(n, _)| n.eq_ignore_ascii_case(name))?;
        Some(&found.1)
    }

    /// How long the body is said to be; `None` for one in chunks.
    pub(super) fn length(&self) -> Option<usize> {
        if self.header("transfer-encoding").is_some() {
            return None;
        }
        Some(
            self.header("content-length")
                .and_then(|n| n.parse().ok())
                .unwrap_or(0),
        )
    }
}
