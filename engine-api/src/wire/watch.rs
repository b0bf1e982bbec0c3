//! The facts of a call, for its report.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::{Method, StatusCode};

use super::call_context::CallContext;
use crate::error::{Cause, Error, ErrorKind};
use crate::observe::{CallReport, CallStart, Observer, OnEnd};

/// An observed call. Its report is sent when this is dropped.
pub(crate) struct Watch {
    on_end: OnEnd,
    operation: &'static str,
    subject: Option<Box<str>>,
    method: Method,
    path: Box<str>,
    begun: Instant,
    head: Option<Duration>,
    status: Option<StatusCode>,
    error: Option<ErrorKind>,
    attempts: u32,
    sent: Arc<AtomicU64>,
    received: u64,
    complete: bool,
}

impl Watch {
    pub(super) fn begin(
        observer: &dyn Observer,
        context: &CallContext,
        method: &Method,
        path: &str,
        address: &str,
    ) -> Box<Self> {
        let on_end = observer.begin(&CallStart {
            operation: context.operation,
            subject: context.subject.as_deref(),
            method: method.as_str(),
            path,
            address,
        });
        Box::new(Self {
            on_end,
            operation: context.operation,
            subject: context.subject.clone(),
            method: method.clone(),
            path: path.into(),
            begun: Instant::now(),
            head: None,
            status: None,
            error: None,
            attempts: 0,
            sent: Arc::default(),
            received: 0,
            complete: false,
        })
    }

    /// Counts an attempt to send the request.
    pub(super) fn attempt(&mut self) {
        self.attempts += 1;
    }

    /// The counter of sent bytes.
    pub(super) fn sent(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.sent)
    }

    /// Stores that the head of the reply has arrived.
    pub(super) fn head(&mut self, status: StatusCode) {
        self.head = Some(self.begun.elapsed());
        self.status = Some(status);
    }

    pub(super) fn received(&mut self, bytes: usize) {
        self.received += bytes as u64;
    }

    pub(super) fn failed(&mut self, error: &Error) {
        self.error = Some(error.kind());
    }

    pub(super) fn broken(&mut self, cause: &Cause) {
        self.error = Some(cause.kind());
    }

    pub(super) fn complete(&mut self) {
        self.complete = true;
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let on_end = std::mem::replace(&mut self.on_end, Box::new(|_| ()));
        on_end(&CallReport {
            operation: self.operation,
            subject: self.subject.as_deref(),
            method: self.method.as_str(),
            path: &self.path,
            status: self.status.map(|status| status.as_u16()),
            error: self.error,
            complete: self.complete,
            attempts: self.attempts,
            head: self.head,
            duration: self.begun.elapsed(),
            sent: self.sent.load(Ordering::Relaxed),
            received: self.received,
        });
    }
}
