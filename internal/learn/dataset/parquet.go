package dataset

import "errors"

func isParquet(data []byte) bool {
	return len(data) > 8 && string(data[:4]) == "PAR1" && string(data[len(data)-4:]) == "PAR1"
}

func (p *parser) parquet(data []byte) error { return errors.New("no") }
