//! The standard network interfaces. No grant for the network exists yet: they link, refuse and record.

use crate::host::denials::Denials;
use wasmtime_wasi::WasiCtxBuilder;

/// Makes every use of an address fail, and records which.
///
/// Sockets themselves may be made: it is the address that tells an operator what a guest was after.
pub(crate) fn refuse_network(wasi: &mut WasiCtxBuilder, denials: &Denials) {
    let denials = denials.clone();
    wasi.allow_tcp(true).allow_udp(true).allow_ip_name_lookup(false);
    wasi.socket_addr_check(move |address, _| {
        denials.record("wasi:sockets", &address.to_string(), "the network is not granted");
        Box::pin(async { false })
    });
}
