//! The bare loop, as a process of its own: windlass's HTTP client fetches every page, one by one,
//! and discards it. No puller with this client that reads the pages can cost less.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context, ensure};
use url::Url;
use windlass_connectors::exchange::ApiRequest;
use windlass_connectors::http::{HttpTransport, Transport as _};

use crate::workload::{RECORD_BYTES, Workload};

/// The argument that selects the bare loop.
pub(crate) const ROLE: &str = "bare";

/// This program again, as the bare loop over `workload`.
pub(crate) fn command(address: SocketAddr, workload: Workload) -> anyhow::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .arg(ROLE)
        .arg(address.to_string())
        .arg(workload.records().to_string());
    Ok(command)
}

/// Fetches everything according to the arguments after [`ROLE`].
pub(crate) fn run(mut args: impl Iterator<Item = String>) -> anyhow::Result<()> {
    let address = args.next().context("no address given")?;
    let records = args.next().context("no number of records given")?.parse()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(fetch(&address, Workload::new(records)?))
}

async fn fetch(address: &str, workload: Workload) -> anyhow::Result<()> {
    let transport = HttpTransport::new()?;
    let mut bytes = 0;
    for request in workload.requests() {
        let url = Url::parse(&format!("http://{address}{request}"))?;
        let response = transport.send(&ApiRequest::get(url)).await?;
        ensure!(
            response.status == 200,
            "the vendor answered {}",
            response.status
        );
        bytes += response.body.len();
    }
    let least = usize::try_from(workload.records())? * RECORD_BYTES;
    ensure!(bytes > least, "{bytes} bytes came, less than the records");
    Ok(())
}
