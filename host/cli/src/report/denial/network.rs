//! What was a guest denied of the network and of secrets, and which line would grant it?

use super::{Denial, Denied};
use crate::station::Station;
use crate::talk::harmless;

/// Returns what to say of a request that was not sent, if it is one.
pub(super) fn denial(station: &Station, plugin: &str, denied: Denied<'_>, again: &str) -> Option<Denial> {
    match denied.call {
        "http.send" => Some(request(station, plugin, denied, again)),
        "secrets.send" | "secrets.placeholder" | "secrets.reveal" => Some(secret(station, plugin, denied, again)),
        _ => None,
    }
}

fn request(station: &Station, plugin: &str, denied: Denied<'_>, again: &str) -> Denial {
    let target = harmless(denied.target);
    let (method, url) = target.split_once(' ').unwrap_or(("", &target));
    let origin = origin(url);
    let section = station.configuration.plugins().get(plugin);
    let addresses = section.map_or(&[][..], |section| &section.network);
    let granted = addresses
        .iter()
        .map(|address| format!("{}   {}", address.rule, address.source))
        .collect();
    let lines = |private: bool| {
        let private = if private { ", private = true" } else { "" };
        let entry = format!("{{ url = \"{origin}\", methods = [\"{method}\"]{private} }}");
        let (place, line) = station.configuration.network_line(plugin, &entry);
        vec![
            format!("if it should: add to {place}"),
            format!("    {line}"),
            format!("then: {again}"),
        ]
    };
    let next = if denied.reason.starts_with("not granted") {
        lines(false)
    } else if denied.reason.starts_with("private address") {
        let mut next = vec![harmless(denied.reason)];
        next.extend(lines(true));
        next
    } else if denied.reason.starts_with("not asked for") {
        vec![format!("it is allowed, but {}", harmless(denied.reason))]
    } else {
        vec![harmless(denied.reason)]
    };
    Denial {
        title: format!("`{plugin}` may not reach {origin} ({method})"),
        granted,
        next,
    }
}

fn secret(station: &Station, plugin: &str, denied: Denied<'_>, again: &str) -> Denial {
    let target = harmless(denied.target);
    let (name, rest) = target.split_once(" in ").unwrap_or((&target, ""));
    let reveal = denied.call == "secrets.reveal";
    let title = match (reveal, rest) {
        (true, _) => format!("`{plugin}` may not be told the secret `{name}`"),
        (false, "") => format!("`{plugin}` may not use the secret `{name}`"),
        (false, rest) => format!("`{plugin}` may not put the secret `{name}` in {rest}"),
    };
    let place = station.configuration.section_of(plugin);
    let mut next = vec![harmless(denied.reason)];
    match station.configuration.secrets().get(name) {
        None => next.push(format!("there is no section [secrets.{name}] in the configuration")),
        Some(_) if reveal => next.push(format!("if it should: add to {place}: reveal = [\"{name}\"]")),
        Some(_) if denied.reason == "the secret is not granted" => {
            next.push(format!("if it should: add to {place}: secrets = [\"{name}\"]"));
        }
        Some(section) => next.push(format!("[secrets.{name}], {}, says so", section.source)),
    }
    next.push(format!("then: {again}"));
    Denial {
        title,
        granted: Vec::new(),
        next,
    }
}

/// Returns scheme, host and port of an address.
fn origin(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => format!("{scheme}://{}", rest.split('/').next().unwrap_or_default()),
        None => url.to_owned(),
    }
}
