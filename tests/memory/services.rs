//! Servers that store nothing: a vendor with one body, and streams and a bucket that accept
//! everything.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use windlass_sink::stream_config::StreamConfig;

/// `Date` of every response: after the end of every window here.
const DATE: &str = "Fri, 02 Jan 2026 00:00:00 GMT";

/// Serves `body` to every client, without a length, as vendors do that compress.
pub(crate) fn serve_vendor(body: Vec<u8>, is_gzip: bool) -> io::Result<SocketAddr> {
    let encoding = if is_gzip {
        "content-encoding: gzip\r\n"
    } else {
        ""
    };
    serve(move |socket| {
        let mut reader = BufReader::new(socket.try_clone()?);
        read_head(&mut reader)?;
        let mut socket = socket;
        write!(
            socket,
            "HTTP/1.1 200 OK\r\ndate: {DATE}\r\n{encoding}connection: close\r\n\r\n"
        )?;
        socket.write_all(&body)
    })
}

/// Streams and a bucket at one address.
pub(crate) struct Services(SocketAddr);

impl Services {
    pub(crate) fn start() -> io::Result<Self> {
        let address = serve(|socket| {
            let mut reader = BufReader::new(socket.try_clone()?);
            let mut socket = socket;
            while let Some(head) = read_head(&mut reader)? {
                let records = count_records(&mut reader.by_ref().take(head.bytes))?;
                let response = head.response(records);
                // One write: a second one would wait for the client to acknowledge the first.
                let length = response.len();
                let response =
                    format!("HTTP/1.1 200 OK\r\ncontent-length: {length}\r\n\r\n{response}");
                socket.write_all(response.as_bytes())?;
            }
            Ok(())
        });
        address.map(Self)
    }

    /// The configuration of clients that call these services.
    pub(crate) fn sdk(&self) -> SdkConfig {
        let credentials = Credentials::new("AKIDMEMORY", "not-a-secret", None, None, "memory");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .region(Region::from_static("eu-west-1"))
            .endpoint_url(format!("http://{}", self.0))
            .build()
    }
}

/// The settings of a stream, of any service.
pub(crate) fn stream() -> anyhow::Result<StreamConfig> {
    Ok(StreamConfig {
        stream: "lake".to_owned(),
        region: None,
        role_arn: None,
        external_id: None,
        packed: true,
        partitions: None,
        rejects: "s3://audit-lake/rejects".parse()?,
    })
}

/// The parts of a request before its body.
#[derive(Debug, Default)]
struct Head {
    bytes: u64,
    target: String,
}

impl Head {
    /// A response that accepts so many records; empty for a target that is not a stream.
    fn response(&self, records: usize) -> String {
        let (failed, list, each) = if self.target.contains("Firehose") {
            ("FailedPutCount", "RequestResponses", r#"{"RecordId":"1"}"#)
        } else if self.target.contains("Kinesis") {
            let each = r#"{"SequenceNumber":"1","ShardId":"s"}"#;
            ("FailedRecordCount", "Records", each)
        } else {
            return String::new();
        };
        let each = vec![each; records].join(",");
        format!(r#"{{"{failed}":0,"{list}":[{each}]}}"#)
    }
}

/// Reads to the empty line; `None` when the connection has ended.
fn read_head(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
    let mut head = Head::default();
    let mut line = String::new();
    while reader.read_line(&mut line)? > 0 {
        let Some((name, value)) = line.trim_end().split_once(':') else {
            if line.trim_end().is_empty() {
                return Ok(Some(head));
            }
            line.clear();
            continue;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.bytes = value.trim().parse().map_err(io::Error::other)?,
            "x-amz-target" => value.trim().clone_into(&mut head.target),
            _ => {}
        }
        line.clear();
    }
    Ok(None)
}

/// Reads and discards a body. Returns the number of its records.
fn count_records(body: &mut impl Read) -> io::Result<usize> {
    const NAME: &[u8] = b"\"Data\"";
    let mut count = 0;
    let mut matched = 0;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = body.read(&mut buffer)?;
        if read == 0 {
            return Ok(count);
        }
        for byte in &buffer[..read] {
            matched = if *byte == NAME[matched] {
                matched + 1
            } else {
                usize::from(*byte == NAME[0])
            };
            if matched == NAME.len() {
                count += 1;
                matched = 0;
            }
        }
    }
}

/// Responds to each connection to a free port of the loopback interface, until the program ends.
fn serve(
    each: impl Fn(TcpStream) -> io::Result<()> + Send + Sync + 'static,
) -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let each = Arc::new(each);
    thread::spawn(move || {
        for socket in listener.incoming().flatten() {
            let each = Arc::clone(&each);
            thread::spawn(move || drop(each(socket)));
        }
    });
    Ok(address)
}
