//! The standard sockets. No grant is for them, since an address alone does not say who is asked for what: they link,
//! refuse and record.

use crate::host::denials::Denials;
use wasmtime_wasi::WasiCtxBuilder;

/// Makes every use of an address fail, and records which.
///
/// Sockets themselves may be made: it is the address that tells an operator what a guest was after.
pub(crate) fn refuse_network(wasi: &mut WasiCtxBuilder, denials: &Denials) {
    let denials = denials.clone();
    wasi.allow_tcp(true).allow_udp(true).allow_ip_name_lookup(false);
    wasi.socket_addr_check(move |address, _| {
        denials.record(
            "wasi:sockets",
            &address.to_string(),
            "sockets are not granted to anybody; use wasi:http",
        );
        Box::pin(async { false })
    });
}
