package head_test

import (
	"strings"
	"testing"

	"github.com/casemate-ai/casemate/internal/security/head"
)

// TestForeign holds sentences of our own in the languages that reports come in,
// and terse English that has few small words.
func TestForeign(t *testing.T) {
	for text, want := range map[string]bool{
		"Les attaquants ont exécuté des commandes sur les serveurs de la victime et volé les mots de passe.":   true,
		"Die Angreifer haben Befehle auf den Servern des Opfers ausgeführt und Passwörter gestohlen.":          true,
		"Los atacantes ejecutaron comandos en los servidores de la víctima y robaron las contraseñas.":         true,
		"Gli attaccanti hanno eseguito comandi sui server della vittima e rubato le password degli utenti.":    true,
		"Злоумышленники выполнили команды на серверах жертвы.":                                                 true,
		"攻撃者は被害者のサーバーでコマンドを実行した。":                                                                              true,
		"The actors ran commands on the servers of the victim and stole passwords.":                            false,
		"Stack overflow in Example DIR-816 1.10B05 via goform setSysAdm, remote code execution, CVE-2024-0001": false,
		"reg add HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run /v Sync /d C:\\ProgramData\\s.exe":    false,
		"": false,
	} {
		if got := head.Foreign(text); got != want {
			t.Errorf("Foreign(%q) = %v, want %v", text, got, want)
		}
	}
}

// TestHeadsAbstainInOtherLanguages asks each head that this build holds.
func TestHeadsAbstainInOtherLanguages(t *testing.T) {
	const french = "Les attaquants ont utilisé PowerShell pour exécuter des commandes sur les serveurs de la victime."
	for _, name := range head.Names() {
		h, err := head.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if d := h.Classify(french, head.Options{}); !d.Abstain || !strings.Contains(d.Note, "not English") {
			t.Errorf("%s: Classify of French = %q with note %q, abstain %v", name, d.Label, d.Note, d.Abstain)
		}
	}
}
