# A mail server that writes down what it gets: a line of JSON for each letter.
# Arguments: starttls, implicit or local; certificate; key; user; password.
import asyncio, base64, json, ssl, sys
from aiosmtpd.smtp import SMTP, AuthResult

how, certificate, key, user, password = sys.argv[1:]
tries = {}


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, options):
        tries[address] = tries.get(address, 0) + 1
        if address.startswith("nobody@"):
            return "550 5.1.1 no such mailbox <%s>" % address
        if address.startswith("busy@") and tries[address] == 1:
            return "451 4.3.0 come again <%s>" % address
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        print(json.dumps({
            "From": envelope.mail_from,
            "To": envelope.rcpt_tos,
            "TLS": session.ssl is not None or how == "implicit",
            "User": session.auth_data or "",
            "Message": base64.b64encode(envelope.original_content).decode(),
        }), flush=True)
        return "250 OK"


def authenticator(server, session, envelope, mechanism, data):
    good = data.login.decode() == user and data.password.decode() == password
    return AuthResult(success=good, auth_data=data.login.decode() if good else None)


async def main():
    context = None
    if how != "local":
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(certificate, key)

    def factory():
        return SMTP(
            Handler(), hostname="localhost", enable_SMTPUTF8=True,
            tls_context=context if how == "starttls" else None, require_starttls=how == "starttls",
            authenticator=authenticator, auth_required=user != "",
            auth_require_tls=how == "starttls",
        )

    server = await asyncio.get_running_loop().create_server(
        factory, "127.0.0.1", 0, ssl=context if how == "implicit" else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(main())
