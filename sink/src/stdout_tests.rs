//! The part of the contract that a pipe can keep, and closed or full pipes.

use serde_json::Value;

use super::*;
use crate::Reject;
use crate::conformance::{self, Destination, checkpointed, lines, page, reject, restarted, window};

/// An observable stream that can stop accepting bytes.
#[derive(Clone, Default)]
struct Pipe(Arc<std::sync::Mutex<PipeState>>);

#[derive(Default)]
struct PipeState {
    taken: Vec<u8>,
    /// Written but not flushed: not yet visible to the reader.
    held: Vec<u8>,
    /// The number of bytes that it accepts before it fails, and the error.
    fails: Option<(usize, ErrorKind)>,
}

impl Pipe {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().taken.clone()).unwrap()
    }

    fn fail_after(&self, bytes: usize, kind: ErrorKind) {
        self.0.lock().unwrap().fails = Some((bytes, kind));
    }

    fn heal(&self) {
        self.0.lock().unwrap().fails = None;
    }
}

impl Write for Pipe {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut state = self.0.lock().unwrap();
        let taken = match &mut state.fails {
            Some((0, kind)) => return Err((*kind).into()),
            Some((left, _)) => {
                let taken = bytes.len().min(*left);
                *left -= taken;
                taken
            }
            None => bytes.len(),
        };
        state.held.extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut state = self.0.lock().unwrap();
        let held = std::mem::take(&mut state.held);
        state.taken.extend(held);
        Ok(())
    }
}

#[derive(Default)]
struct Pipes {
    lines: Pipe,
    rejects: Pipe,
}

impl Destination for Pipes {
    type Sink = StdoutSink;

    fn sink(&self) -> StdoutSink {
        let (lines, rejects) = (self.lines.clone(), self.rejects.clone());
        StdoutSink::new("screen".to_owned(), Box::new(lines), Box::new(rejects))
    }

    fn output(&self, window: &Window) -> Option<Vec<String>> {
        let of = Value::from(window.id().to_string());
        let text = self.lines.text();
        let of_window = |line: &&str| serde_json::from_str::<Value>(line).unwrap()["of"] == of;
        Some(text.lines().filter(of_window).map(str::to_owned).collect())
    }

    fn rejects(&self, window: &Window) -> Vec<(u64, Reject)> {
        let parse = |line: &str| {
            let value: Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["window"], window.id().to_string());
            let raw = match value["raw"].as_str() {
                Some(raw) => raw.as_bytes().to_vec(),
                // The one record of the contract that is not UTF-8.
                None => b"not utf-8: \xff\xfe\x00".to_vec(),
            };
            let index = usize::try_from(value["index"].as_u64().unwrap()).unwrap();
            let reason = value["reason"].as_str().unwrap().to_owned();
            (
                value["page"].as_u64().unwrap(),
                Reject {
                    index,
                    reason,
                    raw: raw.into(),
                },
            )
        };
        self.rejects.text().lines().map(parse).collect()
    }
}

#[tokio::test]
async fn stdout_keeps_sink_contract() {
    conformance::keeps_the_contract(Pipes::default).await;
}

#[tokio::test]
async fn acknowledged_page_is_flushed() {
    let (pipes, window) = (Pipes::default(), window("okta"));
    let mut writer = pipes.sink().open(&window).await.unwrap();
    let mut batch = page(&window, 0, 0..2);
    batch.rejects = vec![reject(2, b"x")];
    assert_eq!(writer.write(&batch).await.unwrap(), Written::Durable(None));
    assert_eq!(pipes.lines.text(), lines(&window, 0..2).join("\n") + "\n");
    assert_eq!(pipes.rejects.text().lines().count(), 1);
}

#[tokio::test]
async fn closed_pipe_is_refused_by_name() {
    let window = window("okta");
    let mut batch = page(&window, 0, 0..2);
    batch.rejects = vec![reject(2, b"x")];
    let pipes = Pipes::default();
    pipes.lines.fail_after(0, ErrorKind::BrokenPipe);
    let error = pipes
        .sink()
        .open(&window)
        .await
        .unwrap()
        .write(&batch)
        .await
        .unwrap_err();
    assert!(matches!(error, SinkError::Refused { .. }), "{error}");
    assert!(error.to_string().contains("stdout was closed"), "{error}");

    let pipes = Pipes::default();
    pipes.rejects.fail_after(0, ErrorKind::BrokenPipe);
    let error = pipes
        .sink()
        .open(&window)
        .await
        .unwrap()
        .write(&batch)
        .await
        .unwrap_err();
    assert!(matches!(error, SinkError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn full_disk_behind_stream_is_full() {
    let (pipes, window) = (Pipes::default(), window("okta"));
    pipes.lines.fail_after(10, ErrorKind::StorageFull);
    let mut writer = pipes.sink().open(&window).await.unwrap();
    let error = writer.write(&page(&window, 0, 0..2)).await.unwrap_err();
    assert!(matches!(error, SinkError::Full { .. }), "{error}");
}

#[tokio::test]
async fn failed_writer_acknowledges_nothing_until_reopened() {
    let (pipes, window) = (Pipes::default(), window("okta"));
    let sink = pipes.sink();
    pipes.lines.fail_after(10, ErrorKind::Other);
    let mut writer = sink.open(&window).await.unwrap();
    writer.write(&page(&window, 0, 0..2)).await.unwrap_err();
    pipes.lines.heal();
    let error = writer.write(&page(&window, 0, 0..2)).await.unwrap_err();
    assert!(matches!(error, SinkError::Unavailable { .. }), "{error}");
    let mut writer = sink.open(&window).await.unwrap();
    writer.write(&page(&window, 0, 0..2)).await.unwrap();
}

#[tokio::test]
async fn page_after_torn_line_starts_new_line() {
    let (pipes, window) = (Pipes::default(), window("okta"));
    let sink = pipes.sink();
    pipes.lines.fail_after(10, ErrorKind::Other);
    sink.open(&window)
        .await
        .unwrap()
        .write(&page(&window, 0, 0..2))
        .await
        .unwrap_err();
    pipes.lines.heal();
    let mut writer = sink.open(&window).await.unwrap();
    for number in 0..2 {
        writer
            .write(&page(&window, number, number..number + 1))
            .await
            .unwrap();
    }
    let text = pipes.lines.text();
    let (torn, whole) = text.split_once('\n').unwrap();
    assert_eq!(torn.len(), 10);
    assert_eq!(whole.lines().collect::<Vec<_>>(), lines(&window, 0..2));
}

#[tokio::test]
async fn window_begun_by_other_sink_restarts() {
    let (pipes, window) = (Pipes::default(), window("okta"));
    let begun = checkpointed(&window, Some("r0:120:0".to_owned()));
    let error = pipes.sink().open(&begun).await.unwrap_err();
    assert!(matches!(error, SinkError::Lost { .. }), "{error}");
    pipes.sink().open(&restarted(&begun)).await.unwrap();
}

#[tokio::test]
async fn first_page_after_torn_output_starts_new_line() {
    let (pipes, window) = (Pipes::default(), window("okta"));
    let torn = |to: &Pipe| Opened {
        to: Box::new(to.clone()),
        torn: true,
    };
    let sink = StdoutSink::over(
        "screen".to_owned(),
        torn(&pipes.lines),
        torn(&pipes.rejects),
    );
    let mut writer = sink.open(&window).await.unwrap();
    writer.write(&page(&window, 0, 0..0)).await.unwrap();
    assert_eq!(
        pipes.lines.text(),
        "",
        "nothing to deliver, nothing written"
    );
    for number in 0..2 {
        let batch = page(&window, number, number..number + 1);
        writer.write(&batch).await.unwrap();
    }
    let delivered = lines(&window, 0..2).join("\n");
    assert_eq!(pipes.lines.text(), format!("\n{delivered}\n"));
}

#[cfg(unix)]
#[test]
fn unwritable_descriptor_is_refused() {
    use std::fs::File;
    use std::os::fd::AsFd;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("out");
    let new = File::create(&path).unwrap();
    assert!(!opened(new.as_fd()).unwrap().torn);
    std::fs::write(&path, "{\"torn").unwrap();
    let append = File::options().append(true).open(&path).unwrap();
    assert!(opened(append.as_fd()).unwrap().torn);
    let reading = File::open(&path).unwrap();
    assert!(opened(reading.as_fd()).is_err());
    // Rust's runtime opens this in place of a closed descriptor.
    let closed = File::options().read(true).write(true).open("/dev/null");
    assert!(opened(closed.unwrap().as_fd()).is_err());
    let dropped = File::options().write(true).open("/dev/null").unwrap();
    assert!(opened(dropped.as_fd()).is_ok());
}

/// P2: a full pipe in non-blocking mode is waited for, and each byte is written once.
#[cfg(unix)]
#[test]
fn full_nonblocking_pipe_loses_no_byte() {
    use std::io::Read;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    let (writer, mut reader) = UnixStream::pair().unwrap();
    writer.set_nonblocking(true).unwrap();
    let mut to = opened(writer.as_fd()).unwrap().to;
    drop(writer);
    let sent: Vec<u8> = (0..=250).cycle().take(4 << 20).collect();
    let expected = sent.clone();
    let writes = std::thread::spawn(move || to.write_all(&sent));
    let mut received = Vec::new();
    reader.read_to_end(&mut received).unwrap();
    writes.join().unwrap().unwrap();
    assert!(received == expected, "{} bytes", received.len());
}

/// A stream whose reader takes nothing until it is released.
struct Unread(std::sync::mpsc::Receiver<()>, Pipe);

impl Write for Unread {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // An error once the other end is gone: the reader continues.
        let _released = self.0.recv();
        self.1.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.1.flush()
    }
}

#[tokio::test]
async fn dropped_queued_page_is_not_written() {
    let (release, released) = std::sync::mpsc::channel();
    let pipe = Pipe::default();
    let unread = Unread(released, pipe.clone());
    let sink = StdoutSink::new(
        "screen".to_owned(),
        Box::new(unread),
        Box::new(Pipe::default()),
    );
    let window = window("okta");
    let (mut first, mut second) = (
        sink.open(&window).await.unwrap(),
        sink.open(&window).await.unwrap(),
    );
    let (stuck, waiting) = (page(&window, 0, 0..1), page(&window, 1, 1..2));
    let write = tokio::spawn(async move { first.write(&stuck).await });
    while sink.streams.try_lock().is_ok() {
        tokio::task::yield_now().await;
    }
    {
        let mut behind = std::pin::pin!(second.write(&waiting));
        let polled = std::future::poll_fn(|context| {
            std::task::Poll::Ready(behind.as_mut().poll(context).is_pending())
        });
        assert!(polled.await);
    }
    drop(release);
    write.await.unwrap().unwrap();
    assert_eq!(pipe.text().lines().count(), 1, "{}", pipe.text());
}
