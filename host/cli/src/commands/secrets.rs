//! Can each secret be had? `secrets check`.

use super::doctor::SHORTEST_SECRET;
use crate::arguments::{Manner, SecretsCheck};
use crate::failure::{Exit, Failure, Outcome};
use crate::station::Station;
use crate::table::{print_table, table};
use crate::talk::{counted, print, say};
use cofferdam_runtime::configuration::SecretSection;

/// Reads each secret, and says where it comes from and how long it is; never what it is.
pub(crate) async fn check(station: &Station, manner: &Manner, arguments: &SecretsCheck) -> Outcome {
    station.require_trust()?;
    let secrets = station.configuration.secrets();
    let known: Vec<&str> = secrets.keys().map(String::as_str).collect();
    if let Some(unknown) = arguments.names.iter().find(|name| !known.contains(&name.as_str())) {
        let failure = Failure::new(Exit::Usage, format!("no secret is called `{unknown}`"));
        return Err(match cofferdam_dsl::did_you_mean(unknown, known.iter().copied()) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint(format!("configure it: [secrets.{unknown}]")),
        });
    }
    let wanted = |name: &String| arguments.names.is_empty() || arguments.names.contains(name);
    let mut read = Vec::new();
    for (name, secret) in secrets.iter().filter(|(name, _)| wanted(name)) {
        // The length is all that leaves this line.
        let length = secret.from.read().await.map(|value| value.len());
        read.push((name.as_str(), secret, length.map_err(|error| error.to_string())));
    }
    let failed = read.iter().filter(|(.., length)| length.is_err()).count();
    if manner.json {
        let shown: Vec<serde_json::Value> = read
            .iter()
            .map(|(name, secret, length)| json(name, secret, length))
            .collect();
        print(serde_json::json!({ "secrets": shown }).to_string());
    } else if read.is_empty() {
        say("no secret is configured");
    } else {
        let mut table = table(["SECRET", "FROM", "LENGTH", ""]);
        for (name, secret, length) in &read {
            let (length, remark) = match length {
                Ok(length) if *length < SHORTEST_SECRET => (length.to_string(), "too short to be covered reliably"),
                Ok(length) => (length.to_string(), ""),
                Err(reason) => ("-".to_owned(), reason.as_str()),
            };
            table.add_row([*name, &secret.from.to_string(), &length, remark]);
        }
        print_table(&mut table, &[2]);
    }
    if failed > 0 {
        return Err(Failure::new(
            Exit::Invalid,
            format!("{} cannot be had", counted(failed as u64, "secret")),
        ));
    }
    Ok(Exit::Done)
}

fn json(name: &str, secret: &SecretSection, length: &Result<usize, String>) -> serde_json::Value {
    serde_json::json!({
        "name": name,
        "from": secret.from.to_string(),
        "at": secret.source.to_string(),
        "length": length.as_ref().ok(),
        "problem": length.as_ref().err(),
    })
}
