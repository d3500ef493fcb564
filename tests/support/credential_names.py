"""Names under which brokers' APIs take and return credentials; a fixture of redaction."""

# One line for each broker: what its sign-in, its session and its callbacks name.
_BROKERS = """
aliceblue: userId userData encKey sessionID susertoken checkSum authCode appSecret
angel: clientcode totp jwtToken refreshToken feedToken X-PrivateKey X-ClientLocalIP
compositedge: secretKey appKey interactiveToken marketToken clientID
definedge: api_token api_secret otp_token api_session_key susertoken session_key
deltaexchange: api-key signature api_secret api-signature
dhan: access-token dhanClientId app_secret tokenId consentAppId consentId
dhan_sandbox: accessToken partner_secret partner_id
firstock: jKey vendorCode apiKey TOTP susertoken
flattrade: request_code jKey api_secret request_token client
fivepaisa: EncryKey RequestToken AccessToken UserKey EncryptionKey PIN TOTP
fivepaisaxts: appKey secretKey uniqueKey hostLookUp
fyers: appIdHash auth_code secret_key fy_id refresh_token pin app_id
groww: totp_secret api_auth_token checksum approval_code
ibulls: appKey secretKey source_token
icicidirect: SessionToken X-SessionToken X-Checksum AppKey apisession
iifl: appKey secretKey isInvestorToken set-cookie
iiflcapital: clientId authCode checksum userSession
indmoney: Authorization access_token bearer_token
jainamxts: accessPassword appKey secretKey
jmfinancial: secretKey hostToken appKey
kotak: neo-fin-key sid Sid Auth consumerKey consumerSecret mpin edit_token edit_sid serverId
motilal: 2FA ApiSecretKey vendorinfo password macaddress authtoken
mstock: X-PrivateKey jwtToken checksum enctoken request_token
nubra: x-device-id session_token auth_token temp_token
paytm: requestToken apiSecretKey public_access_token read_access_token merchantSecret
pocketful: client_secret authorization_code code_verifier oauth_token
rmoney: appKey secretKey publicKey token
samco: sessionToken yob accessToken secretQuestion
shoonya: factor2 jKey appkey vendor_code imei susertoken uid pwd
tradejini: twoFa twoFaTyp jkey access_token_hash otp
tradesmart: jKey factor2 apkversion secretCode
upstox: client_secret code access_token extended_token api_secret
wisdom: appKey secretKey feed_key
xts: secretKey appKey userToken
zebu: jKey factor2 vc appkey refresh_jwt
zerodha: api_key request_token checksum enctoken twofa_value public_token kf_session x-csrftoken
openalgo: apikey webhook_id X-API-KEY session csrf_token reset_token api_key_pepper smtp_password
"""


def by_broker() -> dict[str, tuple[str, ...]]:
    """Return the names of each broker, in the spelling of its documents."""
    lines = (line.partition(": ") for line in _BROKERS.strip().splitlines())
    return {broker: tuple(names.split()) for broker, _, names in lines}


NAMES = tuple(dict.fromkeys(name for names in by_broker().values() for name in names))
"""All names, each once."""
