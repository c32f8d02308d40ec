//! `secrets`: which secrets and parameters there are. Values are never asked for.

use wire::local::{SecretsReply, path};

use crate::end::Outcome;
use crate::launch::Launcher;
use crate::listing;
use crate::print::Printer;
use crate::settings::Settings;

/// Lists them with their versions.
pub(crate) async fn run(settings: &Settings, printer: &mut Printer) -> Outcome {
    let reply: SecretsReply = Launcher::new(settings)?.require().await?.get(path::SECRETS).await?;
    if settings.json {
        return Ok(printer.json(&reply)?);
    }
    let now = jiff::Timestamp::now().as_duration().as_secs_f64();
    if reply.secrets.is_empty() && reply.parameters.is_empty() {
        return Ok(printer.talk("there are no secrets and no parameters; a manifest names them under `secrets` and `parameters`")?);
    }
    printer.table(&listing::secrets::all(&reply, now))?;
    Ok(())
}
