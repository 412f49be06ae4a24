package smart

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"firebreak/transport"
)

// style is how our pages look, for applications that are launched from them and
// would look alike (SMART App Launch 2.2, scopes-and-launch-context, "Styling").
// The values are those of ui/assets/page.css; TestTheStyleIsThePages holds them
// together.
const style = `{"color_background":"#f3f6f8","color_error":"#a3231c","color_highlight":"#0b5f80","color_modal_backdrop":"#15222c",` +
	`"color_success":"#1a6637","color_text":"#15222c","dim_border_radius":"8px","dim_font_size":"16px","dim_spacing_size":"16px",` +
	`"font_family_body":"system-ui, sans-serif","font_family_heading":"system-ui, sans-serif"}`

const pathStyle = "/style.json"

// styleURL changes with the style, as it must.
func (s *Server) styleURL() string {
	sum := sha256.Sum256([]byte(style))
	return s.url(pathStyle) + "?v=" + hex.EncodeToString(sum[:6])
}

func (s *Server) styleJSON(context.Context, transport.WebRequest) Answer {
	return Answer{Reply: transport.WebReply{Status: http.StatusOK, ContentType: jsonType, Body: []byte(style), Lasting: true}}
}
