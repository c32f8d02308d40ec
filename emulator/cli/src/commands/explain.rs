//! `explain`: where a request would go, and why.

use wire::local::{ExplainReply, ExplainRequest, path};

use super::look;
use crate::args::Explain;
use crate::cluster;
use crate::end::Outcome;
use crate::listing;
use crate::print::Printer;
use crate::settings::Settings;

/// Asks the rules; nothing is sent.
pub(crate) async fn run(args: &Explain, settings: Settings, printer: &mut Printer) -> Outcome {
    let (client, view, name) = look(&settings, printer).await?;
    cluster::require(&view, &name)?;
    let request = ExplainRequest {
        cluster: name,
        method: args.method.clone(),
        url: args.url.clone(),
        headers: args.headers.clone(),
        source_ip: args.source_ip,
    };
    let reply: ExplainReply = client.post(path::EXPLAIN, &request).await?;
    if settings.json {
        return Ok(printer.json(&reply)?);
    }
    let text = listing::explain::explain(&reply, printer.data_palette(), printer.data_columns());
    Ok(printer.raw(text.as_bytes())?)
}
