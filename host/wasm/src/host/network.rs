//! The standard sockets. No grant is for them, since an address alone does not say who is asked for what: they link,
//! refuse and record.
//!
//! No socket of the system is ever made: it would take one of the descriptors that all guests of the host share. What is
//! left to record is the kind of socket, and the name that a guest looks up.

use crate::host::denials::Denials;
use crate::store::State;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::WasiCtxBuilder;
use wasmtime_wasi::p2::bindings::sockets::network::{ErrorCode, IpAddress, IpAddressFamily, Network};
use wasmtime_wasi::p2::bindings::sockets::{ip_name_lookup, network, tcp_create_socket, udp_create_socket};
use wasmtime_wasi::p2::{DynPollable, SocketError, SocketResult, TcpSocket, UdpSocket};

const REASON: &str = "sockets are not granted to anybody; use wasi:http";

/// Whoever asks for a socket or an address.
pub(crate) struct Refusing<'a> {
    denials: &'a Denials,
    table: &'a mut ResourceTable,
}

struct Refused;

impl HasData for Refused {
    type Data<'a> = Refusing<'a>;
}

/// Takes from a guest whatever could reach the network, should one ever get hold of a socket.
pub(crate) fn refuse_network(wasi: &mut WasiCtxBuilder) {
    wasi.allow_tcp(false).allow_udp(false).allow_ip_name_lookup(false);
    wasi.socket_addr_check(|_, _| Box::pin(async { false }));
}

/// Links what makes sockets and looks names up.
pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let link_options = network::LinkOptions::default();
    network::add_to_linker::<State, Refused>(linker, &link_options, refusing)?;
    ip_name_lookup::add_to_linker::<State, Refused>(linker, refusing)?;
    tcp_create_socket::add_to_linker::<State, Refused>(linker, refusing)?;
    udp_create_socket::add_to_linker::<State, Refused>(linker, refusing)
}

fn refusing(state: &mut State) -> Refusing<'_> {
    Refusing {
        denials: &state.denials,
        table: &mut state.table,
    }
}

impl Refusing<'_> {
    fn refuse<T>(&self, protocol: &str, family: IpAddressFamily) -> SocketResult<T> {
        let family = match family {
            IpAddressFamily::Ipv4 => "ipv4",
            IpAddressFamily::Ipv6 => "ipv6",
        };
        self.denials
            .record("wasi:sockets", &format!("{protocol} socket ({family})"), REASON);
        Err(ErrorCode::AccessDenied.into())
    }
}

impl tcp_create_socket::Host for Refusing<'_> {
    fn create_tcp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Resource<TcpSocket>> {
        self.refuse("tcp", family)
    }
}

impl udp_create_socket::Host for Refusing<'_> {
    async fn create_udp_socket(&mut self, family: IpAddressFamily) -> SocketResult<Resource<UdpSocket>> {
        self.refuse("udp", family)
    }
}

impl network::Host for Refusing<'_> {
    fn convert_error_code(&mut self, error: SocketError) -> wasmtime::Result<ErrorCode> {
        error.downcast()
    }

    fn network_error_code(&mut self, _error: Resource<wasmtime::Error>) -> wasmtime::Result<Option<ErrorCode>> {
        // No stream is one of a socket.
        Ok(None)
    }
}

impl network::HostNetwork for Refusing<'_> {
    fn drop(&mut self, network: Resource<Network>) -> wasmtime::Result<()> {
        self.table.delete(network)?;
        Ok(())
    }
}

type Addresses = Resource<ip_name_lookup::ResolveAddressStream>;

impl ip_name_lookup::Host for Refusing<'_> {
    fn resolve_addresses(&mut self, network: Resource<Network>, name: String) -> SocketResult<Addresses> {
        self.table.get(&network)?;
        self.denials.record("wasi:sockets", &name, REASON);
        Err(ErrorCode::PermanentResolverFailure.into())
    }
}

/// There is no list of addresses that a guest could hold.
impl ip_name_lookup::HostResolveAddressStream for Refusing<'_> {
    fn resolve_next_address(&mut self, addresses: Addresses) -> SocketResult<Option<IpAddress>> {
        self.table.get(&addresses)?;
        Ok(None)
    }

    fn subscribe(&mut self, addresses: Addresses) -> wasmtime::Result<Resource<DynPollable>> {
        self.table.get(&addresses)?;
        Err(wasmtime::Error::msg("no addresses to wait for"))
    }

    fn drop(&mut self, addresses: Addresses) -> wasmtime::Result<()> {
        self.table.delete(addresses)?;
        Ok(())
    }
}
