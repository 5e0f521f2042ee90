import java.nio.file.Path;
import org.neo4j.configuration.GraphDatabaseSettings;
import org.neo4j.configuration.connectors.BoltConnector;
import org.neo4j.configuration.helpers.SocketAddress;
import org.neo4j.harness.Neo4jBuilders;

/** Serves an empty Neo4j over Bolt on 127.0.0.1 until standard input ends. */
public class Main {
    public static void main(String[] arguments) throws Exception {
        Path folder = Path.of(arguments[0]);
        int port = Integer.parseInt(arguments[1]);
        var builder = Neo4jBuilders.newInProcessBuilder(folder)
                .withDisabledServer()
                .withConfig(GraphDatabaseSettings.auth_enabled, true)
                .withConfig(GraphDatabaseSettings.pagecache_memory, 256L << 20)
                .withConfig(BoltConnector.listen_address, new SocketAddress("127.0.0.1", port));
        try (var neo4j = builder.build()) {
            System.out.println("ready");
            while (System.in.read() >= 0) {}
        }
    }
}
